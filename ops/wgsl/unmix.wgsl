// unmix: the arithmetic of ops/host/over.c. The mask is sampled as in apply_mask.wgsl.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    mask: vec2u,  // its size
    scale: vec2f, // mask / image
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> unmixed: array<u32>;
@group(0) @binding(2) var<storage, read> mask0: array<f32>;
@group(0) @binding(3) var<storage, read> mask1: array<f32>;
@group(0) @binding(4) var<storage, read> mask2: array<f32>;
@group(0) @binding(5) var<storage, read> mask3: array<f32>;
@group(0) @binding(6) var<storage, read> inner: array<u32>;
@group(0) @binding(7) var<storage, read> outer: array<u32>;
@group(0) @binding(8) var<storage, read> image: array<u32>; // in place it is what is written

//include pixels.wgsl
//include places.wgsl
//include bounded.wgsl
//include mask_at.wgsl

//if in_place
fn image_at(i: u32) -> u32 {
    return unmixed[i];
}
//else
fn image_at(i: u32) -> u32 {
    return image[i];
}
//end

@compute @workgroup_size(256)
fn unmix(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    let at = job.base + id.y * job.pitch + id.x;
    let word = image_at(at);
    let f = unpacked(inner[at]);
    let b = unpacked(outer[at]);
    if (f.a == 0.0 || b.a == 0.0) {
        unmixed[at] = word;
        return;
    }
    let m = mask_at(job.origin + id.xy);
    let i = unpacked(word);
    let colour = f.rgb + (i.rgb - f.rgb * m - b.rgb * (1.0 - m)) * m;
    unmixed[at] = packed(vec4f(clamp(colour, vec3f(0.0), vec3f(255.0)) + 0.5, i.a));
}
