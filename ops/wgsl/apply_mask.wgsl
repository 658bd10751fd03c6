// apply_mask: the arithmetic of ops/host/plain.c, step by step, so that both agree to the bit. One invocation does four
// pixels of a row: as one vector where the width is a multiple of four, one by one with a tail for any other width.

struct Job {
    mask: vec2u,     // width, height of the mask
    origin: vec2u,   // first pixel of this tile
    extent: vec2u,   // pixels of this tile
    base: u32,       // where the tile's first pixel stands in `image` and `masked`
    pitch: u32,      // pixels from one row to the next
    scale: vec2f,    // mask / image
}

// A mask larger than one binding comes as four windows of 128 MiB; else all four are the whole mask.
override split: bool = false;
// The mask is at least four times narrower than the image: four pixels see at most three of its columns.
override narrow: bool = false;

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read> mask0: array<f32>;
@group(0) @binding(2) var<storage, read> mask1: array<f32>;
@group(0) @binding(3) var<storage, read> mask2: array<f32>;
@group(0) @binding(4) var<storage, read> mask3: array<f32>;
// In place, `masked` is the image too. The two types of one binding serve different entry points.
@group(0) @binding(5) var<storage, read_write> masked: array<u32>;
@group(0) @binding(5) var<storage, read_write> masked4: array<vec4u>;
@group(0) @binding(6) var<storage, read> image: array<u32>;
@group(0) @binding(6) var<storage, read> image4: array<vec4u>;

fn cell(i: u32) -> f32 {
    if (!split) {
        return mask0[i];
    }
    let k = i & 0x1ffffffu;
    switch (i >> 25u) {
        case 0u: { return mask0[k]; }
        case 1u: { return mask1[k]; }
        case 2u: { return mask2[k]; }
        default: { return mask3[k]; }
    }
}

fn cells(row: u32, x: vec4u) -> vec4f {
    return vec4f(cell(row + x.x), cell(row + x.y), cell(row + x.z), cell(row + x.w));
}

// The mask at pixels x ... x + 3 of row y, between 0 and 1; what is not a number counts as 0.
fn sampled(x: u32, y: u32) -> vec4f {
    let last = job.mask - 1u;
    let fy = clamp((f32(y) + 0.5) * job.scale.y - 0.5, 0.0, f32(last.y));
    let row = u32(fy);
    let above = row * job.mask.x;
    let below = min(row + 1u, last.y) * job.mask.x;
    let wy = fy - f32(row);
    let fx = clamp((vec4f(vec4u(x) + vec4u(0u, 1u, 2u, 3u)) + 0.5) * job.scale.x - 0.5, vec4f(0.0), vec4f(f32(last.x)));
    let lower = vec4u(fx);
    let wx = fx - vec4f(lower);
    var left: vec4f;
    var right: vec4f;
    if (narrow) {
        let c = vec3u(lower.x, min(lower.x + 1u, last.x), min(lower.x + 2u, last.x));
        let a = vec3f(cell(above + c.x), cell(above + c.y), cell(above + c.z));
        let b = vec3f(cell(below + c.x), cell(below + c.y), cell(below + c.z));
        let v = a + (b - a) * wy;
        let second = lower > vec4u(lower.x);
        left = select(vec4f(v.x), vec4f(v.y), second);
        right = select(vec4f(v.y), vec4f(v.z), second);
    } else {
        let upper = min(lower + 1u, vec4u(last.x));
        let a = cells(above, lower);
        left = a + (cells(below, lower) - a) * wy;
        let b = cells(above, upper);
        right = b + (cells(below, upper) - b) * wy;
    }
    let m = left + (right - left) * wx;
    let floored = select(vec4f(0.0), m, m > vec4f(0.0));
    return select(vec4f(1.0), floored, floored < vec4f(1.0));
}

fn with_alpha(pixels: vec4u, m: vec4f) -> vec4u {
    let alpha = vec4u(vec4f(pixels >> vec4u(24u)) * m + 0.5);
    return (pixels & vec4u(0xffffffu)) | (alpha << vec4u(24u));
}

fn outside(id: vec3u) -> bool {
    return id.x * 4u >= job.extent.x || id.y >= job.extent.y;
}

fn place(id: vec3u) -> u32 {
    return job.base + id.y * job.pitch + id.x * 4u;
}

@compute @workgroup_size(256)
fn fours(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let i = place(id) / 4u;
    masked4[i] = with_alpha(image4[i], sampled(job.origin.x + id.x * 4u, job.origin.y + id.y));
}

@compute @workgroup_size(256)
fn fours_in_place(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let i = place(id) / 4u;
    masked4[i] = with_alpha(masked4[i], sampled(job.origin.x + id.x * 4u, job.origin.y + id.y));
}

fn put(i: u32, count: u32, pixels: vec4u) {
    masked[i] = pixels.x;
    if (count > 1u) {
        masked[i + 1u] = pixels.y;
    }
    if (count > 2u) {
        masked[i + 2u] = pixels.z;
    }
    if (count > 3u) {
        masked[i + 3u] = pixels.w;
    }
}

@compute @workgroup_size(256)
fn singles(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let i = place(id);
    let count = min(job.extent.x - id.x * 4u, 4u);
    let end = i + count - 1u;
    let pixels = vec4u(image[i], image[min(i + 1u, end)], image[min(i + 2u, end)], image[min(i + 3u, end)]);
    put(i, count, with_alpha(pixels, sampled(job.origin.x + id.x * 4u, job.origin.y + id.y)));
}

@compute @workgroup_size(256)
fn singles_in_place(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let i = place(id);
    let count = min(job.extent.x - id.x * 4u, 4u);
    let end = i + count - 1u;
    let pixels = vec4u(masked[i], masked[min(i + 1u, end)], masked[min(i + 2u, end)], masked[min(i + 3u, end)]);
    put(i, count, with_alpha(pixels, sampled(job.origin.x + id.x * 4u, job.origin.y + id.y)));
}
