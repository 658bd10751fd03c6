// Cells of another size at a pixel (//include cell_at.wgsl, after pixels.wgsl and places.wgsl): cells0 ... cells3 are there,
// `size` of them; scale is cells / pixels.
//include cell.wgsl

fn cell_at(pixel: vec2u, scale: vec2f, size: vec2u) -> vec4f {
    let last = size - 1u;
    let at = clamp((vec2f(pixel) + 0.5) * scale - 0.5, vec2f(0.0), vec2f(last));
    let lower = cut_place(at);
    let upper = min(lower + 1u, last);
    let part = at - floor(at);
    let above = lower.y * size.x;
    let below = upper.y * size.x;
    let left = lerp(cell(above + lower.x), cell(below + lower.x), part.y);
    let right = lerp(cell(above + upper.x), cell(below + upper.x), part.y);
    return lerp(left, right, part.x);
}
