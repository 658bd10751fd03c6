// resize and letterbox: the arithmetic of ops/host/plain.c, step by step, so that both agree to the bit. Factors that
// need a division come from the CPU: WGSL leaves divisions room for error. Of the sections (//if ... //end) those of a
// variant are kept before the shader is compiled: src/engine/webgpu/kernels.c.

struct Job {
    origin: vec2u,   // first output pixel of this tile
    extent: vec2u,   // pixels of this tile
    base: u32,       // word of the tile's first pixel in what is written
    pitch: u32,      // pixels from one output row to the next
    source: vec2u,   // width, height of what is sampled
    scale: vec2f,    // source / box
    share: f32,      // 1 / (scale.x * scale.y)
    taps: u32,       // lanczos: room for so many weights an output position
    corner: vec2u,   // the box of the output that shows the image
    box: vec2u,
    colour: u32,     // outside of it
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> resized: array<u32>;
@group(0) @binding(1) var<storage, read_write> sums: array<vec4f>;
// What is larger than one binding comes as four windows of 128 MiB, the least that every WebGPU device binds; else only
// the first is there, and whole. `down` reads sums, the others pixels.
@group(0) @binding(2) var<storage, read> image0: array<u32>;
@group(0) @binding(3) var<storage, read> image1: array<u32>;
@group(0) @binding(4) var<storage, read> image2: array<u32>;
@group(0) @binding(5) var<storage, read> image3: array<u32>;
@group(0) @binding(2) var<storage, read> cells0: array<vec4f>;
@group(0) @binding(3) var<storage, read> cells1: array<vec4f>;
@group(0) @binding(4) var<storage, read> cells2: array<vec4f>;
@group(0) @binding(5) var<storage, read> cells3: array<vec4f>;
// lanczos: first source position and count of each output position, then the weights.
@group(0) @binding(6) var<storage, read> table: array<u32>;

//include pixels.wgsl

//include word.wgsl
//include cell.wgsl

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

fn beyond(id: vec3u) -> bool {
    return id.x >= job.extent.x || id.y >= job.extent.y;
}

fn place(id: vec3u) -> u32 {
    return job.base + id.y * job.pitch + id.x;
}

// Whether the output's pixel is outside of the box, and then its colour is written.
//if boxed
fn is_margin(id: vec3u) -> bool {
    let at = job.origin + id.xy - job.corner; // wraps around left of the box and above it
    if (all(at < job.box)) {
        return false;
    }
    resized[place(id)] = job.colour;
    return true;
}
//else
fn is_margin(id: vec3u) -> bool {
    return false;
}
//end

// Where in the box.
fn boxed(id: vec3u) -> vec2u {
    return job.origin + id.xy - job.corner;
}

@compute @workgroup_size(256)
fn nearest(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id) || is_margin(id)) {
        return;
    }
    let at = cut(min((vec2f(boxed(id)) + 0.5) * job.scale, vec2f(job.source - 1u)).xyxy);
    resized[place(id)] = word(at.y * job.source.x + at.x);
}

@compute @workgroup_size(256)
fn bilinear(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id) || is_margin(id)) {
        return;
    }
    let last = job.source - 1u;
    let at = clamp((vec2f(boxed(id)) + 0.5) * job.scale - 0.5, vec2f(0.0), vec2f(last));
    let lower = cut(at.xyxy).xy;
    let upper = min(lower + 1u, last);
    let weight = at - floor(at);
    let top = lerp(pixel(lower.x, lower.y), pixel(upper.x, lower.y), weight.x);
    let bottom = lerp(pixel(lower.x, upper.y), pixel(upper.x, upper.y), weight.x);
    resized[place(id)] = packed(rounded(lerp(top, bottom, weight.y)));
}

// The pixels begin ... end - 1 that [edge, far) touches: begin.xy, end.xy.
fn span(edge: vec2f, far: vec2f) -> vec4u {
    let c = cut(vec4f(edge, far));
    let end = min(select(c.zw, c.zw + 1u, floor(far) < far), job.source);
    return vec4u(min(c.xy, max(end, vec2u(1u)) - 1u), max(end, vec2u(1u)));
}

@compute @workgroup_size(256)
fn area(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id) || is_margin(id)) {
        return;
    }
    let edge = vec2f(boxed(id)) * job.scale;
    let far = edge + job.scale;
    let touched = span(edge, far);
    let lowest = touched.w - 1u;
    let first = min(f32(touched.y) + 1.0, far.y) - max(f32(touched.y), edge.y);
    let last = min(f32(lowest) + 1.0, far.y) - max(f32(lowest), edge.y);
    var sum = vec4f(0.0);
    for (var x = touched.x; x < touched.z; x++) {
        let wide = min(f32(x) + 1.0, far.x) - max(f32(x), edge.x);
        var whole = vec4f(0.0);
        for (var y = touched.y + 1u; y < lowest; y++) {
            whole += pixel(x, y);
        }
        var column = pixel(x, touched.y) * first + whole;
        if (lowest > touched.y) {
            column += pixel(x, lowest) * last;
        }
        sum += column * wide;
    }
    resized[place(id)] = packed(rounded(min(sum * job.share, vec4f(255.0))));
}

// lanczos: weighted sums along x, then along y.

@compute @workgroup_size(256)
fn across(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id)) {
        return;
    }
    let x = job.origin.x + id.x;
    let row = (job.origin.y + id.y) * job.source.x + table[2u * x];
    let count = table[2u * x + 1u];
    let weights = 2u * job.box.x + x * job.taps;
    var sum = vec4f(0.0);
    for (var k = 0u; k < count; k++) {
        sum += unpacked(word(row + k)) * bitcast<f32>(table[weights + k]);
    }
    sums[job.base / 4u + id.y * job.pitch + id.x] = sum;
}

@compute @workgroup_size(256)
fn down(@builtin(global_invocation_id) id: vec3u) {
    if (beyond(id) || is_margin(id)) {
        return;
    }
    let at = boxed(id);
    let first = table[2u * at.y];
    let count = table[2u * at.y + 1u];
    let weights = 2u * job.box.y + at.y * job.taps;
    var sum = vec4f(0.0);
    for (var k = 0u; k < count; k++) {
        sum += cell((first + k) * job.box.x + at.x) * bitcast<f32>(table[weights + k]);
    }
    resized[place(id)] = packed(rounded(clamp(sum, vec4f(0.0), vec4f(255.0))));
}
