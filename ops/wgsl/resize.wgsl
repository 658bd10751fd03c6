// resize: the arithmetic of ops/host/plain.c, step by step, so that both agree to the bit. Factors that need a division
// come from the CPU: WGSL leaves divisions room for error. Of the sections (//if ... //end) those of a variant are kept
// before the shader is compiled: src/engine/webgpu/kernels.c.

struct Job {
    origin: vec2u,   // first output pixel of this tile
    extent: vec2u,   // pixels of this tile
    base: u32,       // where the tile's first pixel stands in `resized`
    pitch: u32,      // pixels from one output row to the next
    source: vec2u,   // width, height of what is sampled
    scale: vec2f,    // source / output
    share: f32,      // 1 / (scale.x * scale.y)
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> resized: array<u32>;
// An image larger than one binding comes as four windows of 128 MiB, the least that every WebGPU device binds; else
// only the first is there, and whole.
@group(0) @binding(2) var<storage, read> image0: array<u32>;
@group(0) @binding(3) var<storage, read> image1: array<u32>;
@group(0) @binding(4) var<storage, read> image2: array<u32>;
@group(0) @binding(5) var<storage, read> image3: array<u32>;

//include pixels.wgsl

//if split
fn word(i: u32) -> u32 {
    let k = i & 0x1ffffffu;
    switch (i >> 25u) {
        case 0u: { return image0[k]; }
        case 1u: { return image1[k]; }
        case 2u: { return image2[k]; }
        default: { return image3[k]; }
    }
}
//else
fn word(i: u32) -> u32 {
    return image0[i];
}
//end

fn pixel(x: u32, y: u32) -> vec4f {
    return unpacked(word(y * job.source.x + x));
}

// v >= 0, cut to an integer.
//if huge
fn cut(v: vec4f) -> vec4u {
    return vec4u(v);
}
//else
fn cut(v: vec4f) -> vec4u {
    return raised(v) & vec4u(0x7fffffu);
}
//end

@compute @workgroup_size(256)
fn bilinear(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    let last = job.source - 1u;
    let at = clamp((vec2f(job.origin + id.xy) + 0.5) * job.scale - 0.5, vec2f(0.0), vec2f(last));
    let lower = cut(at.xyxy).xy;
    let upper = min(lower + 1u, last);
    let weight = at - floor(at);
    let top = lerp(pixel(lower.x, lower.y), pixel(upper.x, lower.y), weight.x);
    let bottom = lerp(pixel(lower.x, upper.y), pixel(upper.x, upper.y), weight.x);
    resized[job.base + id.y * job.pitch + id.x] = packed(lerp(top, bottom, weight.y) + 0.5);
}

// The pixels begin ... end - 1 that [edge, far) touches: begin.xy, end.xy.
fn span(edge: vec2f, far: vec2f) -> vec4u {
    let c = cut(vec4f(edge, far));
    let end = min(select(c.zw, c.zw + 1u, floor(far) < far), job.source);
    return vec4u(min(c.xy, job.source - 1u), end);
}

@compute @workgroup_size(256)
fn area(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    let edge = vec2f(job.origin + id.xy) * job.scale;
    let far = edge + job.scale;
    let touched = span(edge, far);
    var sum = vec4f(0.0);
    for (var y = touched.y; y < touched.w; y++) {
        let high = min(f32(y) + 1.0, far.y) - max(f32(y), edge.y);
        for (var x = touched.x; x < touched.z; x++) {
            let wide = min(f32(x) + 1.0, far.x) - max(f32(x), edge.x);
            sum += pixel(x, y) * (high * wide);
        }
    }
    resized[job.base + id.y * job.pitch + id.x] = packed(min(sum * job.share + 0.5, vec4f(255.0)));
}
