// Where an invocation stands (//include tile.wgsl): needs the head of struct Job, as in recipe.h of the engine.
fn beyond(id: vec3u) -> bool {
    return id.x >= job.extent.x || id.y >= job.extent.y;
}

// The word of this invocation's pixel in what is written, and in what is read beside it, where a pixel is one word.
fn place(id: vec3u) -> u32 {
    return job.base + id.y * job.pitch + id.x;
}
