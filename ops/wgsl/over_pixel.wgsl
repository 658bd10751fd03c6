// A pixel over another (//include over_pixel.wgsl, after pixels.wgsl): 0 ... 255 each, alpha not premultiplied.
fn over_pixel(front: vec3f, alpha: f32, behind: vec4f) -> u32 {
    let wf = alpha * 255.0;
    let wb = behind.a * (255.0 - alpha);
    let n = wf + wb;
    let sum = front * wf + behind.rgb * wb + floor(n * 0.5);
    return packed(vec4f(sum / max(n, 1.0), (n + 127.0) * (1.0 / 255.0)));
}
