// A mask's value (//include bounded.wgsl): between 0 and 1; what is not a number counts as 0.
fn bounded(m: f32) -> f32 {
    let floored = select(0.0, m, m > 0.0);
    return select(1.0, floored, floored < 1.0);
}
