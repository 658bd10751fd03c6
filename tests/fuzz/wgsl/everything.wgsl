// everything that the reader of shaders knows
enable f16;
/* a comment /* in */ one */
alias Pixel = u32;
alias Row = array<vec4<f32>, WIDTH>;
const WIDTH = 4u;
const HALF: f32 = (0.5);
@id(7) override gain: f32 = 1.5;
override mode: i32 = -2;
override soft = true;
override size = 64u;
struct Inner { a: vec3f, @align(16) b: f32, @size(32) c: u32, }
struct Params { width: u32, image_height: u32, strength: f32, offset: vec2<i32>, color: vec4f, _pad: u32 };
struct Cells { head: Inner, rows: array<Row, 2>, tail: array<mat3x4<f32>> }
var<private> scratch: array<f32, 8>;
var<workgroup> shared_: atomic<u32>;
@group(0) @binding(3) var<uniform> params: Params;
@group(0) @binding(0) var<storage, read> image: array<Pixel>;
@group(0) @binding(1) var<storage, read> cells: Cells;
@binding(2) @group(0) var<storage, read_write> result: array<u32>;
@group(1) @binding(0) var unused: texture_2d<f32>;
fn pick(i: u32) -> u32 { return image[i] + u32(cells.head.b * gain * HALF); }
@compute @workgroup_size(size, 2, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    if (id.x < params.width) { result[id.x] = select(0u, pick(id.x), soft && mode < 0); }
}
