'use strict';
const { SharedMemoryArena, SharedMemoryHandle, Plan } = require('./arena.js');
const { WasmEngine, WebGPUContext, WebNNContext } = require('./engines.js');
const { ZeroCopyImagePipeline, ImageData } = require('./image.js');
const { Pipeline } = require('./pipeline.js');
const { GPUMapMode, GPUBufferUsage } = require('./views.js');
const { native, constants, TripointError } = require('./native.js');

const version = constants.version;
const createZeroCopyPipeline = (options) => new SharedMemoryArena(options);
const operations = () => native.operations();

module.exports = {
  version, createZeroCopyPipeline, operations, SharedMemoryArena, SharedMemoryHandle, Plan, WasmEngine, WebGPUContext,
  WebNNContext, ZeroCopyImagePipeline, ImageData, Pipeline, GPUMapMode, GPUBufferUsage, TripointError, constants,
};
