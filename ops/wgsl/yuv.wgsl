// Video frames with one chroma sample for two by two pixels: the arithmetic of ops/host/yuv.c, step by step. `to` writes
// the frame as one row of words, an invocation each; `from` an RGBA pixel an invocation.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    size: vec2u,      // of the picture; sides are even
    planar: u32,      // 0: NV12, 1: I420
    turn: u32,        // from: quarters clockwise
    seen: vec2u,      // from: of the picture before it is turned
    first: vec4f,     // at 48. to: r, g, b and what is added, of Y'; from: offset, gain
    second: vec4f,    // of Cb; red_v, green_u, green_v, blue_u
    third: vec4f,     // of Cr
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> made: array<u32>;
@group(0) @binding(2) var<storage, read> image0: array<u32>;
@group(0) @binding(3) var<storage, read> image1: array<u32>;
@group(0) @binding(4) var<storage, read> image2: array<u32>;
@group(0) @binding(5) var<storage, read> image3: array<u32>;

//include pixels.wgsl
//include tile.wgsl

//include word.wgsl

fn pixel(i: u32) -> vec4f {
    return unpacked(word(i));
}

fn mixed(rgb: vec4f, m: vec4f) -> u32 {
    return raised(vec4f(min(((rgb.x * m.x + rgb.y * m.y) + rgb.z * m.z) + m.w, 255.0))).x & 255u;
}

// Chroma sample i, counted along rows, from the mean of its four pixels.
fn chroma(i: u32, m: vec4f) -> u32 {
    let half = job.size.x / 2u;
    let at = i / half * 2u * job.size.x + i % half * 2u;
    let below = at + job.size.x;
    return mixed((pixel(at) + pixel(at + 1u) + pixel(below) + pixel(below + 1u)) * 0.25, m);
}

fn byte_of_frame(i: u32) -> u32 {
    let luma = job.size.x * job.size.y;
    if (i < luma) {
        return mixed(pixel(i), job.first);
    }
    let c = i - luma;
    if (job.planar == 0u) {
        return chroma(c / 2u, select(job.second, job.third, (c & 1u) == 1u));
    }
    let quarter = luma / 4u;
    let is_third = c >= quarter;
    return chroma(select(c, c - quarter, is_third), select(job.second, job.third, is_third));
}

@compute @workgroup_size(256)
fn to(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id)) {
        return;
    }
    let first = (job.origin.x + id.x) * 4u;
    let count = min(job.size.x * job.size.y / 2u * 3u - first, 4u);
    let at = place(id);
    var value = 0u;
    if (count < 4u) {
        value = made[at] & (0xffffffffu << (count * 8u)); // what follows the frame stays
    }
    for (var k = 0u; k < count; k++) {
        value |= byte_of_frame(first + k) << (k * 8u);
    }
    made[at] = value;
}

fn byte(i: u32) -> f32 {
    return f32((word(i / 4u) >> (i % 4u * 8u)) & 255u);
}

// Where pixel p of the turned picture is in the frame.
fn stood(p: vec2u) -> vec2u {
    switch (job.turn) {
        case 1u: { return vec2u(p.y, job.seen.y - 1u - p.x); }
        case 2u: { return job.seen - 1u - p; }
        case 3u: { return vec2u(job.seen.x - 1u - p.y, p.x); }
        default: { return p; }
    }
}

@compute @workgroup_size(256)
fn from_frame(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id)) {
        return;
    }
    let p = stood(job.origin + id.xy);
    let luma = job.size.x * job.size.y;
    let sample = p.y / 2u * (job.size.x / 2u) + p.x / 2u;
    let at = luma + select(sample, 2u * sample, job.planar == 0u);
    let y = (byte(p.y * job.size.x + p.x) - job.first.x) * job.first.y;
    let u = byte(at) - 128.0;
    let v = byte(at + select(luma / 4u, 1u, job.planar == 0u)) - 128.0;
    let m = job.second;
    let rgb = vec3f(y + m.x * v, (y + m.y * u) + m.z * v, y + m.w * u);
    made[place(id)] = packed(rounded(vec4f(clamp(rgb, vec3f(0.0), vec3f(255.0)), 255.0)));
}
