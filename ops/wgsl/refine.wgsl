// refine: the arithmetic of ops/host/refine.c. guide: the image's mean colours and the mask, four numbers a cell; fit: the
// coefficients of each window; mean: theirs over the window; apply: the mask at the image's pixels.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    size: vec2u,     // of the image
    mask: vec2u,     // of the mask
    radius: u32,
    scale: vec2f,    // image / mask
    inverse: vec2f,  // mask / image
    share: f32,      // 1 / (255 * scale.x * scale.y)
    softness: f32,
    low: f32,
    range: f32,
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> made: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> refined: array<f32>;
@group(0) @binding(2) var<storage, read> image0: array<u32>;
@group(0) @binding(3) var<storage, read> image1: array<u32>;
@group(0) @binding(4) var<storage, read> image2: array<u32>;
@group(0) @binding(5) var<storage, read> image3: array<u32>;
@group(0) @binding(2) var<storage, read> cells0: array<vec4f>;
@group(0) @binding(3) var<storage, read> cells1: array<vec4f>;
@group(0) @binding(4) var<storage, read> cells2: array<vec4f>;
@group(0) @binding(5) var<storage, read> cells3: array<vec4f>;
@group(0) @binding(6) var<storage, read> coarse: array<f32>;  // guide: the mask
@group(0) @binding(6) var<storage, read> image: array<u32>;   // apply

//include pixels.wgsl
//include places.wgsl
//include bounded.wgsl

//include word.wgsl
//include cell_at.wgsl

fn outside(id: vec3u) -> bool {
    return id.x >= job.extent.x || id.y >= job.extent.y;
}

fn put(id: vec3u, v: vec4f) {
    made[job.base / 4u + id.y * job.pitch + id.x] = v;
}

// As in resize: the pixels begin ... end - 1 that [edge, far) touches.
@compute @workgroup_size(256)
fn guide(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let at = job.origin + id.xy;
    let edge = vec2f(at) * job.scale;
    let far = edge + job.scale;
    let begin = min(cut_place(edge), job.size - 1u);
    let end = min(cut_place(ceil(far)), job.size);
    var sum = vec3f(0.0);
    for (var y = begin.y; y < end.y; y++) {
        let high = min(f32(y) + 1.0, far.y) - max(f32(y), edge.y);
        for (var x = begin.x; x < end.x; x++) {
            let wide = min(f32(x) + 1.0, far.x) - max(f32(x), edge.x);
            sum += unpacked(word(y * job.size.x + x)).rgb * (high * wide);
        }
    }
    put(id, vec4f(sum * job.share, bounded(coarse[at.y * job.mask.x + at.x])));
}

// The window of a cell: begin.xy, end.xy.
fn window(at: vec2u) -> vec4u {
    return vec4u(at - min(at, vec2u(job.radius)), min(at + job.radius + 1u, job.mask));
}

fn share_of(w: vec4u) -> f32 {
    return 1.0 / f32((w.z - w.x) * (w.w - w.y));
}

@compute @workgroup_size(256)
fn fit(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let w = window(job.origin + id.xy);
    var plain = vec4f(0.0);   // r g b p
    var mixed = vec4f(0.0);   // rp gp bp rr
    var squares = vec4f(0.0); // rg rb gg gb
    var blue = 0.0;           // bb
    for (var y = w.y; y < w.w; y++) {
        var line_plain = vec4f(0.0);
        var line_mixed = vec4f(0.0);
        var line_squares = vec4f(0.0);
        var line_blue = 0.0;
        for (var x = w.x; x < w.z; x++) {
            let c = cell(y * job.mask.x + x);
            line_plain += c;
            line_mixed += c.rgbr * c.aaar;
            line_squares += c.rrgg * c.gbgb;
            line_blue += c.b * c.b;
        }
        plain += line_plain;
        mixed += line_mixed;
        squares += line_squares;
        blue += line_blue;
    }
    let share = share_of(w);
    let m = plain * share;
    let with_mask = mixed * share;
    let s = squares * share;
    let rr = with_mask.w - m.r * m.r + job.softness;
    let rg = s.x - m.r * m.g;
    let rb = s.y - m.r * m.b;
    let gg = s.z - m.g * m.g + job.softness;
    let gb = s.w - m.g * m.b;
    let bb = blue * share - m.b * m.b + job.softness;
    let p = with_mask.xyz - m.rgb * m.a;
    let c00 = gg * bb - gb * gb;
    let c01 = gb * rb - rg * bb;
    let c02 = rg * gb - gg * rb;
    let c11 = rr * bb - rb * rb;
    let c12 = rb * rg - rr * gb;
    let c22 = rr * gg - rg * rg;
    let scale = 1.0 / (rr * c00 + rg * c01 + rb * c02);
    let a = vec3f(c00 * p.x + c01 * p.y + c02 * p.z, c01 * p.x + c11 * p.y + c12 * p.z,
                  c02 * p.x + c12 * p.y + c22 * p.z) * scale;
    put(id, vec4f(a, m.a - (a.x * m.r + a.y * m.g + a.z * m.b)));
}

@compute @workgroup_size(256)
fn mean(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let w = window(job.origin + id.xy);
    var sum = vec4f(0.0);
    for (var y = w.y; y < w.w; y++) {
        var line = vec4f(0.0);
        for (var x = w.x; x < w.z; x++) {
            line += cell(y * job.mask.x + x);
        }
        sum += line;
    }
    put(id, sum * share_of(w));
}

@compute @workgroup_size(256)
fn apply(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let a = cell_at(job.origin + id.xy, job.inverse, job.mask);
    let i = job.base + id.y * job.pitch + id.x;
    let colour = unpacked(image[i]);
    let q = (a.x * colour.r + a.y * colour.g + a.z * colour.b) * (1.0 / 255.0) + a.w;
    refined[i] = bounded((q - job.low) * job.range);
}
