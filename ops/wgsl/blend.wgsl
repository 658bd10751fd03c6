// blend: the arithmetic of ops/host/over.c. The mask is sampled as in apply_mask.wgsl.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    mask: vec2u,  // its size
    scale: vec2f, // mask / image
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> blended: array<u32>;
@group(0) @binding(2) var<storage, read> mask0: array<f32>;
@group(0) @binding(3) var<storage, read> mask1: array<f32>;
@group(0) @binding(4) var<storage, read> mask2: array<f32>;
@group(0) @binding(5) var<storage, read> mask3: array<f32>;
@group(0) @binding(6) var<storage, read> behind: array<u32>;
@group(0) @binding(7) var<storage, read> front: array<u32>; // in place it is what is written

//include pixels.wgsl
//include places.wgsl
//include bounded.wgsl
//include over_pixel.wgsl

//include mask_at.wgsl

//if in_place
fn front_at(i: u32) -> u32 {
    return blended[i];
}
//else
fn front_at(i: u32) -> u32 {
    return front[i];
}
//end

//if opaque
fn behind_at(i: u32) -> vec4f {
    return vec4f(unpacked(behind[i]).rgb, 255.0);
}
//else
fn behind_at(i: u32) -> vec4f {
    return unpacked(behind[i]);
}
//end

@compute @workgroup_size(256)
fn blend(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    let i = job.base + id.y * job.pitch + id.x;
    let f = unpacked(front_at(i));
    blended[i] = over_pixel(f.rgb, floor(f.a * mask_at(job.origin + id.xy) + 0.5), behind_at(i));
}
