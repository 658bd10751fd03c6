// hide_boxes: the arithmetic of ops/host/hide.c. areas: each box in pixels; means: each of its cells; hide: the pixels.

struct Job {
    origin: vec2u,
    extent: vec2u,
    base: u32,
    pitch: u32,
    size: vec2u, // of the image
    boxes: u32,
    cells: u32,
    grow: f32,
}

// In pixels; it may reach beyond the image. A width of 0 ends the list.
struct Area {
    place: vec2i,
    size: vec2i,
    cells: vec2f,  // cells / size
    radius: vec2f, // 2 / size
}

@group(0) @binding(0) var<uniform> job: Job;
// areas
@group(0) @binding(1) var<storage, read_write> made_areas: array<Area>;
@group(0) @binding(2) var<storage, read> boxes: array<f32>;
// means
@group(0) @binding(1) var<storage, read_write> made_means: array<vec4f>;
@group(0) @binding(2) var<storage, read> areas: array<Area>;
@group(0) @binding(3) var<storage, read> image0: array<u32>;
@group(0) @binding(4) var<storage, read> image1: array<u32>;
@group(0) @binding(5) var<storage, read> image2: array<u32>;
@group(0) @binding(6) var<storage, read> image3: array<u32>;
// hide: areas at 2
@group(0) @binding(1) var<storage, read_write> hidden: array<u32>;
@group(0) @binding(3) var<storage, read> means: array<vec4f>;
@group(0) @binding(4) var<storage, read> image: array<u32>;

//include pixels.wgsl

//include word.wgsl

fn nearest(v: vec2f) -> vec2i {
    return vec2i(floor(clamp(v + 0.5, vec2f(-1048576.0), vec2f(1048576.0))));
}

@compute @workgroup_size(256)
fn find(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    let i = id.x * 5u;
    if (!(boxes[i + 4u] > 0.0)) {
        made_areas[id.x].size = vec2i(0);
        return;
    }
    let place = vec2f(boxes[i], boxes[i + 1u]);
    let size = vec2f(boxes[i + 2u], boxes[i + 3u]);
    let whole = vec2f(job.size);
    let first = nearest((place - size * job.grow) * whole);
    let area = max(nearest((place + size + size * job.grow) * whole) - first, vec2i(1));
    made_areas[id.x] = Area(first, area, f32(job.cells) / vec2f(area), 2.0 / vec2f(area));
}

// Pixels begin ... end - 1 of cell i, inside the image: at least one.
fn cell_run(place: i32, length: i32, i: u32, size: u32) -> vec2u {
    let begin = place + i32(i) * length / i32(job.cells);
    let end = place + i32(i + 1u) * length / i32(job.cells);
    let first = u32(clamp(begin, 0, i32(size) - 1));
    return vec2u(first, max(u32(clamp(end, 0, i32(size))), first + 1u));
}

@compute @workgroup_size(256)
fn average(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    for (var k = 0u; k <= job.origin.y + id.y; k++) { // is there such a box?
        if (areas[k].size.x == 0) {
            return;
        }
    }
    let area = areas[job.origin.y + id.y];
    let number = job.origin.x + id.x;
    let columns = cell_run(area.place.x, area.size.x, number % job.cells, job.size.x);
    let rows = cell_run(area.place.y, area.size.y, number / job.cells, job.size.y);
    var sum = vec3f(0.0);
    for (var y = rows.x; y < rows.y; y++) {
        var line = vec3u(0u);
        for (var x = columns.x; x < columns.y; x++) {
            line += (vec3u(word(y * job.size.x + x)) >> vec3u(0u, 8u, 16u)) & vec3u(255u);
        }
        sum += vec3f(line);
    }
    let share = 1.0 / (f32(rows.y - rows.x) * f32(columns.y - columns.x));
    made_means[job.base / 4u + id.y * job.pitch + id.x] = vec4f(sum * share, 0.0);
}

fn mean_of(box: u32, cell: vec2i) -> vec3f {
    let inside = vec2u(clamp(cell, vec2i(0), vec2i(i32(job.cells) - 1)));
    return means[(box * job.cells + inside.y) * job.cells + inside.x].rgb;
}

// The weights of the cells before, at, after and two after the place whose fraction is t.
fn weights(t: f32) -> vec4f {
    let t2 = t * t;
    let t3 = t2 * t;
    let u = 1.0 - t;
    return vec4f(u * u * u, 3.0 * t3 - 6.0 * t2 + 4.0, 3.0 * (t2 - t3) + 3.0 * t + 1.0, t3) * (1.0 / 6.0);
}

//if smooth
fn colour_of(box: u32, area: Area, at: vec2i) -> vec3f {
    let f = (vec2f(at) + 0.5) * area.cells - 0.5;
    let whole = floor(f);
    let across = weights(f.x - whole.x);
    let down = weights(f.y - whole.y);
    let first = vec2i(whole) - 1;
    var sum = vec3f(0.0);
    for (var j = 0; j < 4; j++) {
        var line = vec3f(0.0);
        for (var i = 0; i < 4; i++) {
            line += mean_of(box, first + vec2i(i, j)) * across[i];
        }
        sum += line * down[j];
    }
    return sum;
}
//else
fn colour_of(box: u32, area: Area, at: vec2i) -> vec3f {
    let cells = i32(job.cells);
    return mean_of(box, (at * cells + cells - 1) / area.size);
}
//end

//if ellipse
fn covering(area: Area, at: vec2i) -> f32 {
    let d = (vec2f(at) + 0.5) * area.radius - 1.0;
    return clamp((1.0 - (d.x * d.x + d.y * d.y)) * EDGE, 0.0, 1.0);
}
//else
fn covering(area: Area, at: vec2i) -> f32 {
    return 1.0;
}
//end

//if smooth
const EDGE = 5.0;
//else
const EDGE = 65536.0;
//end

//if in_place
fn begin(first: u32, end: u32) {
}
//else
fn begin(first: u32, end: u32) {
    for (var i = first; i < end; i++) {
        hidden[i] = image[i];
    }
}
//end

// Eight pixels of a row: most boxes are passed over at one look.
@compute @workgroup_size(256)
fn hide(@builtin(global_invocation_id) id: vec3u) {
    if (id.x * 8u >= job.extent.x || id.y >= job.extent.y) {
        return;
    }
    let first = job.base + id.y * job.pitch + id.x * 8u;
    let count = min(job.extent.x - id.x * 8u, 8u);
    let place = vec2i(vec2u(job.origin.x + id.x * 8u, job.origin.y + id.y));
    begin(first, first + count);
    for (var k = 0u; k < job.boxes; k++) {
        let area = areas[k];
        if (area.size.x == 0) {
            break;
        }
        let at = place - area.place;
        if (at.y < 0 || at.y >= area.size.y || at.x + i32(count) <= 0 || at.x >= area.size.x) {
            continue;
        }
        let end = u32(min(i32(count), area.size.x - at.x));
        for (var i = u32(max(-at.x, 0)); i < end; i++) {
            let here = at + vec2i(i32(i), 0);
            let was = unpacked(hidden[first + i]);
            let hiding = vec4f(colour_of(k, area, here), was.a);
            hidden[first + i] = packed(rounded(min(lerp(was, hiding, covering(area, here)), vec4f(255.0))));
        }
    }
}
