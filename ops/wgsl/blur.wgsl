// blur: the arithmetic of ops/host/blur.c, step by step. Pixels are averaged in cells (premultiplied, four numbers a
// cell), cells are convolved across and then down, and the image is sampled from them. Where a cell is one pixel, the
// first and the last step fall away: across_fine reads pixels and down_fine writes them.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    size: vec2u,         // of the image
    cells: vec2u,        // of the image in cells
    cell: u32,           // pixels across a cell
    radius: u32,         // taps of one side
    share: f32,          // 1 / cell
    weights: array<vec4f, 4>,
}

@group(0) @binding(0) var<uniform> job: Job;
@group(0) @binding(1) var<storage, read_write> pixels: array<u32>;
@group(0) @binding(1) var<storage, read_write> made: array<vec4f>;
@group(0) @binding(2) var<storage, read> image0: array<u32>;
@group(0) @binding(3) var<storage, read> image1: array<u32>;
@group(0) @binding(4) var<storage, read> image2: array<u32>;
@group(0) @binding(5) var<storage, read> image3: array<u32>;
@group(0) @binding(2) var<storage, read> cells0: array<vec4f>;
@group(0) @binding(3) var<storage, read> cells1: array<vec4f>;
@group(0) @binding(4) var<storage, read> cells2: array<vec4f>;
@group(0) @binding(5) var<storage, read> cells3: array<vec4f>;

//include pixels.wgsl
//include places.wgsl

//include word.wgsl
//include cell_at.wgsl

fn premultiplied(i: u32) -> vec4f {
    let p = unpacked(word(i));
    return vec4f(p.rgb * p.a, p.a);
}

fn finished(v: vec4f) -> u32 {
    let inverse = select(0.0, 1.0 / v.a, v.a > 0.0);
    return packed(rounded(min(vec4f(v.rgb * inverse, v.a), vec4f(255.0))));
}

fn outside(id: vec3u) -> bool {
    return id.x >= job.extent.x || id.y >= job.extent.y;
}

fn weight(i: u32) -> f32 {
    return job.weights[i >> 2u][i & 3u];
}

fn earlier(at: u32, by: u32) -> u32 {
    return at - min(at, by);
}

fn later(at: u32, by: u32, size: u32) -> u32 {
    return min(at + by, size - 1u);
}

// Of each of a cell's rows the sum of its pixels, times 1 / cell; of these the sum, times 1 / cell.
@compute @workgroup_size(256)
fn average(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let first = (job.origin + id.xy) * job.cell;
    let last = job.size - 1u;
    var sum = vec4f(0.0);
    for (var dy = 0u; dy < job.cell; dy++) {
        let row = min(first.y + dy, last.y) * job.size.x;
        var line = vec4f(0.0);
        for (var dx = 0u; dx < job.cell; dx++) {
            line += premultiplied(row + min(first.x + dx, last.x));
        }
        sum += line * job.share;
    }
    made[job.base / 4u + id.y * job.pitch + id.x] = sum * job.share;
}

@compute @workgroup_size(256)
fn across(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let at = job.origin + id.xy;
    let row = at.y * job.cells.x;
    var sum = cell(row + at.x) * weight(0u);
    for (var i = 1u; i <= job.radius; i++) {
        sum += (cell(row + earlier(at.x, i)) + cell(row + later(at.x, i, job.cells.x))) * weight(i);
    }
    made[job.base / 4u + id.y * job.pitch + id.x] = sum;
}

@compute @workgroup_size(256)
fn across_fine(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let at = job.origin + id.xy;
    let row = at.y * job.size.x;
    var sum = premultiplied(row + at.x) * weight(0u);
    for (var i = 1u; i <= job.radius; i++) {
        sum += (premultiplied(row + earlier(at.x, i)) + premultiplied(row + later(at.x, i, job.size.x))) * weight(i);
    }
    made[job.base / 4u + id.y * job.pitch + id.x] = sum;
}

fn convolved_down(at: vec2u) -> vec4f {
    var sum = cell(at.y * job.cells.x + at.x) * weight(0u);
    for (var i = 1u; i <= job.radius; i++) {
        let above = earlier(at.y, i) * job.cells.x + at.x;
        let below = later(at.y, i, job.cells.y) * job.cells.x + at.x;
        sum += (cell(above) + cell(below)) * weight(i);
    }
    return sum;
}

@compute @workgroup_size(256)
fn down(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    made[job.base / 4u + id.y * job.pitch + id.x] = convolved_down(job.origin + id.xy);
}

@compute @workgroup_size(256)
fn down_fine(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    pixels[job.base + id.y * job.pitch + id.x] = finished(convolved_down(job.origin + id.xy));
}

@compute @workgroup_size(256)
fn sample(@builtin(global_invocation_id) id: vec3u) {
    if (outside(id)) {
        return;
    }
    let v = cell_at(job.origin + id.xy, vec2f(job.share), job.cells);
    pixels[job.base + id.y * job.pitch + id.x] = finished(v);
}
