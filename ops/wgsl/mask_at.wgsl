// A mask of another size at a pixel (//include mask_at.wgsl, after places.wgsl and bounded.wgsl): mask0 ... mask3 and the
// job's mask and scale are there.
//include mask_cell.wgsl

fn between(a: f32, b: f32, t: f32) -> f32 {
    return a + (b - a) * t;
}

fn mask_at(pixel: vec2u) -> f32 {
    let last = job.mask - 1u;
    let at = clamp((vec2f(pixel) + 0.5) * job.scale - 0.5, vec2f(0.0), vec2f(last));
    let lower = cut_place(at);
    let upper = min(lower + 1u, last);
    let part = at - floor(at);
    let above = lower.y * job.mask.x;
    let below = upper.y * job.mask.x;
    let left = between(mask_cell(above + lower.x), mask_cell(below + lower.x), part.y);
    let right = between(mask_cell(above + upper.x), mask_cell(below + upper.x), part.y);
    return bounded(between(left, right, part.x));
}
