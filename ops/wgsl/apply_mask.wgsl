// apply_mask: the arithmetic of ops/host/plain.c, step by step, so that both agree to the bit. One invocation does
// eight pixels of a row: as two vectors where the width is a multiple of four, one by one with a tail for any other width.
// Of the sections (//if ... //end) those of a variant are kept before the shader is compiled (kernels.c of the engine).

struct Job {
    origin: vec2u,   // first pixel of this tile
    extent: vec2u,   // pixels of this tile
    base: u32,       // where the tile's first pixel stands in `image` and `masked`
    pitch: u32,      // pixels from one row to the next
    mask: vec2u,     // width, height of the mask
    scale: vec2f,    // mask / image
}

@group(0) @binding(0) var<uniform> job: Job;
// In place, `masked` is the image too. The two types of one binding serve different entry points.
@group(0) @binding(1) var<storage, read_write> masked: array<u32>;
@group(0) @binding(1) var<storage, read_write> masked4: array<vec4u>;
// A mask larger than one binding comes as four windows of 128 MiB; else only the first is there, and whole.
@group(0) @binding(2) var<storage, read> mask0: array<f32>;
@group(0) @binding(3) var<storage, read> mask1: array<f32>;
@group(0) @binding(4) var<storage, read> mask2: array<f32>;
@group(0) @binding(5) var<storage, read> mask3: array<f32>;
@group(0) @binding(6) var<storage, read> image: array<u32>;
@group(0) @binding(6) var<storage, read> image4: array<vec4u>;

//include mask_cell.wgsl

fn cells(row: u32, x: vec4u) -> vec4f {
    return vec4f(mask_cell(row + x.x), mask_cell(row + x.y), mask_cell(row + x.z), mask_cell(row + x.w));
}

// v >= 0, cut to an integer. u32(v) saturates, which the CPU driver does one lane at a time; where no dimension reaches
// 2^23 the low bits of a sum are the integer.
//if huge
fn cut(v: vec4f) -> vec4u {
    return vec4u(v);
}
//else
fn cut(v: vec4f) -> vec4u {
    return bitcast<vec4u>(floor(v) + 8388608.0) & vec4u(0x7fffffu);
}
//end

// Where a row of pixels samples the mask's rows.
struct Rows {
    above: u32,
    below: u32,
    weight: f32,
}

fn rows(y: u32) -> Rows {
    let last = job.mask.y - 1u;
    let at = clamp((f32(y) + 0.5) * job.scale.y - 0.5, 0.0, f32(last));
    let lower = cut(vec4f(at)).x;
    return Rows(lower * job.mask.x, min(lower + 1u, last) * job.mask.x, at - floor(at));
}

// Where pixels x ... x + 3 sample the mask's columns.
fn columns(x: u32) -> vec4f {
    let centres = vec4f(vec4u(x) + vec4u(0u, 1u, 2u, 3u)) + 0.5;
    return clamp(centres * job.scale.x - 0.5, vec4f(0.0), vec4f(f32(job.mask.x - 1u)));
}

// The three columns that start at `first`, between the rows.
fn three(r: Rows, first: u32) -> vec3f {
    let last = job.mask.x - 1u;
    let c = vec3u(first, min(first + 1u, last), min(first + 2u, last));
    let a = vec3f(mask_cell(r.above + c.x), mask_cell(r.above + c.y), mask_cell(r.above + c.z));
    let b = vec3f(mask_cell(r.below + c.x), mask_cell(r.below + c.y), mask_cell(r.below + c.z));
    return a + (b - a) * r.weight;
}

// Between 0 and 1; what is not a number counts as 0.
fn bounded(m: vec4f) -> vec4f {
    let floored = select(vec4f(0.0), m, m > vec4f(0.0));
    return select(vec4f(1.0), floored, floored < vec4f(1.0));
}

// The mask at `at`, from three columns that start at `first`.
fn narrow(at: vec4f, first: f32, v: vec3f) -> vec4f {
    let lower = floor(at);
    let second = lower > vec4f(first);
    let left = select(vec4f(v.x), vec4f(v.y), second);
    let right = select(vec4f(v.y), vec4f(v.z), second);
    return bounded(left + (right - left) * (at - lower));
}

fn general(at: vec4f, r: Rows) -> vec4f {
    let lower = cut(at);
    let upper = min(lower + 1u, vec4u(job.mask.x - 1u));
    let a = cells(r.above, lower);
    let left = a + (cells(r.below, lower) - a) * r.weight;
    let b = cells(r.above, upper);
    let right = b + (cells(r.below, upper) - b) * r.weight;
    return bounded(left + (right - left) * (at - floor(at)));
}

// What the eight pixels from x on of row y have in common.
struct Eight {
    rows: Rows,
    first: f32,
    three: vec3f,
}

// The mask at pixels x ... x + 3: eight, or four, pixels see at most three columns of a mask that is so much narrower
// than the image.
//if narrow8
fn eight(x: u32, y: u32) -> Eight {
    let at = columns(x);
    let r = rows(y);
    return Eight(r, floor(at.x), three(r, cut(at).x));
}

fn sampled(s: Eight, x: u32) -> vec4f {
    return narrow(columns(x), s.first, s.three);
}
//elif narrow4
fn eight(x: u32, y: u32) -> Eight {
    return Eight(rows(y), 0.0, vec3f(0.0));
}

fn sampled(s: Eight, x: u32) -> vec4f {
    let at = columns(x);
    return narrow(at, floor(at.x), three(s.rows, cut(at).x));
}
//else
fn eight(x: u32, y: u32) -> Eight {
    return Eight(rows(y), 0.0, vec3f(0.0));
}

fn sampled(s: Eight, x: u32) -> vec4f {
    return general(columns(x), s.rows);
}
//end

//if outside
fn kept(m: vec4f) -> vec4f {
    return 1.0 - m;
}
//else
fn kept(m: vec4f) -> vec4f {
    return m;
}
//end

fn with_alpha(pixels: vec4u, m: vec4f) -> vec4u {
    let alpha = vec4f(pixels >> vec4u(24u)) * kept(m) + 0.5;
    return (pixels & vec4u(0xffffffu)) | (bitcast<vec4u>(floor(alpha) + 8388608.0) << vec4u(24u));
}

fn outside(id: vec3u) -> bool {
    return id.x * 8u >= job.extent.x || id.y >= job.extent.y;
}

fn place(id: vec3u) -> u32 {
    return job.base + id.y * job.pitch + id.x * 8u;
}

// Pixels of this invocation's eight that are there. Loops over them are not unrolled, as their end is not known: that
// halves what the CPU driver has to compile.
fn present(id: vec3u) -> u32 {
    return min(job.extent.x - id.x * 8u, 8u);
}

@compute @workgroup_size(256)
fn fours(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let x = job.origin.x + id.x * 8u;
    let s = eight(x, job.origin.y + id.y);
    let i = place(id) / 4u;
    let end = present(id) / 4u;
    for (var k = 0u; k < end; k++) {
        masked4[i + k] = with_alpha(image4[i + k], sampled(s, x + 4u * k));
    }
}

@compute @workgroup_size(256)
fn fours_in_place(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let x = job.origin.x + id.x * 8u;
    let s = eight(x, job.origin.y + id.y);
    let i = place(id) / 4u;
    let end = present(id) / 4u;
    for (var k = 0u; k < end; k++) {
        masked4[i + k] = with_alpha(masked4[i + k], sampled(s, x + 4u * k));
    }
}

// The first `count` of four.
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

// Indices of four pixels, of which `count` are there.
fn indices(i: u32, count: u32) -> vec4u {
    return vec4u(i) + min(vec4u(0u, 1u, 2u, 3u), vec4u(count - 1u));
}

@compute @workgroup_size(256)
fn singles(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let x = job.origin.x + id.x * 8u;
    let s = eight(x, job.origin.y + id.y);
    let i = place(id);
    let count = present(id);
    for (var k = 0u; k < count; k += 4u) {
        let at = indices(i + k, count - k);
        let pixels = vec4u(image[at.x], image[at.y], image[at.z], image[at.w]);
        put(i + k, count - k, with_alpha(pixels, sampled(s, x + k)));
    }
}

@compute @workgroup_size(256)
fn singles_in_place(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let x = job.origin.x + id.x * 8u;
    let s = eight(x, job.origin.y + id.y);
    let i = place(id);
    let count = present(id);
    for (var k = 0u; k < count; k += 4u) {
        let at = indices(i + k, count - k);
        let pixels = vec4u(masked[at.x], masked[at.y], masked[at.z], masked[at.w]);
        put(i + k, count - k, with_alpha(pixels, sampled(s, x + k)));
    }
}
