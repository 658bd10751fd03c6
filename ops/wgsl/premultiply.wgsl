// premultiply and unpremultiply, of u8 in whole numbers and of f32; in place where `image` is not there.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> made: array<u32>;
@group(0) @binding(1) var<storage, read_write> made4: array<vec4f>;
@group(0) @binding(2) var<storage, read> image: array<u32>;
@group(0) @binding(2) var<storage, read> image4: array<vec4f>;

//include tile.wgsl

//if in_place
fn word(i: u32) -> u32 {
    return made[i];
}
fn pixel(i: u32) -> vec4f {
    return made4[i];
}
//else
fn word(i: u32) -> u32 {
    return image[i];
}
fn pixel(i: u32) -> vec4f {
    return image4[i];
}
//end

fn bytes(word: u32) -> vec4u {
    return (vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
}

fn joined(colour: vec4u, alpha: u32) -> u32 {
    return colour.x | (colour.y << 8u) | (colour.z << 16u) | (alpha << 24u);
}

@compute @workgroup_size(256)
fn premultiply(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id)) {
        return;
    }
    let i = place(id);
    let v = bytes(word(i));
    let t = v * v.w + 128u;
    made[i] = joined((t + (t >> vec4u(8u))) >> vec4u(8u), v.w);
}

@compute @workgroup_size(256)
fn unpremultiply(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id)) {
        return;
    }
    let i = place(id);
    let v = bytes(word(i));
    let q = (v * 255u + v.w / 2u) / max(v.w, 1u);
    made[i] = joined(select(min(q, vec4u(255u)), vec4u(0u), v.w == 0u), v.w);
}

@compute @workgroup_size(256)
fn premultiply_f32(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id)) {
        return;
    }
    let i = job.base / 4u + id.y * job.pitch + id.x;
    let v = pixel(i);
    made4[i] = vec4f(v.xyz * v.w, v.w);
}

@compute @workgroup_size(256)
fn unpremultiply_f32(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id)) {
        return;
    }
    let i = job.base / 4u + id.y * job.pitch + id.x;
    let v = pixel(i);
    made4[i] = vec4f(select(vec3f(0.0), v.xyz / v.w, v.w > 0x1p-16), v.w);
}
