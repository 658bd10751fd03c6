// A mask of another size at a pixel (//include mask_at.wgsl, after places.wgsl and bounded.wgsl): mask0 ... mask3 and the
// job's mask and scale are there.
//if split
fn cell(i: u32) -> f32 {
    let k = i & 0x1ffffffu;
    switch (i >> 25u) {
        case 0u: { return mask0[k]; }
        case 1u: { return mask1[k]; }
        case 2u: { return mask2[k]; }
        default: { return mask3[k]; }
    }
}
//else
fn cell(i: u32) -> f32 {
    return mask0[i];
}
//end

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
    let left = between(cell(above + lower.x), cell(below + lower.x), part.y);
    let right = between(cell(above + upper.x), cell(below + upper.x), part.y);
    return bounded(between(left, right, part.x));
}
