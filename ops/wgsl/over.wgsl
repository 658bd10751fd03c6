// composite and flatten: the arithmetic of ops/host/over.c. Whole numbers below 2^24 are exact in f32.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    colour: u32, // of flatten
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> composed: array<u32>;
// composite reads behind at 2 and front at 3, flatten front at 2; in place front is what is written.
//if colour
@group(0) @binding(2) var<storage, read> front: array<u32>;
//else
@group(0) @binding(2) var<storage, read> behind: array<u32>;
@group(0) @binding(3) var<storage, read> front: array<u32>;
//end

//include pixels.wgsl
//include over_pixel.wgsl

//if in_place
fn front_at(i: u32) -> u32 {
    return composed[i];
}
//else
fn front_at(i: u32) -> u32 {
    return front[i];
}
//end

//if colour
fn behind_at(i: u32) -> u32 {
    return job.colour;
}
//else
fn behind_at(i: u32) -> u32 {
    return behind[i];
}
//end

@compute @workgroup_size(256)
fn over(@builtin(global_invocation_id) id: vec3u) {
    if (id.x * 8u >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    let first = job.base + id.y * job.pitch + id.x * 8u;
    let end = first + min(job.extent.x - id.x * 8u, 8u);
    for (var i = first; i < end; i++) {
        let f = unpacked(front_at(i));
        composed[i] = over_pixel(f.rgb, f.a, unpacked(behind_at(i)));
    }
}
