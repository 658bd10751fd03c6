// extract_mask: a weighted sum of a pixel's channels.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    weights: vec4f,   // at 32
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> mask: array<f32>;
@group(0) @binding(2) var<storage, read> image: array<u32>;

//include pixels.wgsl
//include tile.wgsl

@compute @workgroup_size(256)
fn extract(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id)) {
        return;
    }
    let i = place(id);
    let v = unpacked(image[i]) * job.weights;
    mask[i] = min(((v.x + v.y) + v.z) + v.w, 1.0);
}
