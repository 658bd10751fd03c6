// colour_matrix; in place where `image` is not there.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    red: vec4f,     // at 32: what red adds to each new channel; and so on
    green: vec4f,
    blue: vec4f,
    alpha: vec4f,
    offset: vec4f,
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> mixed: array<u32>;
@group(0) @binding(2) var<storage, read> image: array<u32>;

//include pixels.wgsl
//include tile.wgsl

//if in_place
fn word(i: u32) -> u32 {
    return mixed[i];
}
//else
fn word(i: u32) -> u32 {
    return image[i];
}
//end

@compute @workgroup_size(256)
fn colour_matrix(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id)) {
        return;
    }
    let i = place(id);
    let v = unpacked(word(i));
    let sum = ((v.x * job.red + v.y * job.green) + v.z * job.blue) + v.w * job.alpha;
    mixed[i] = packed(rounded(clamp(sum + job.offset, vec4f(0.0), vec4f(255.0))));
}
