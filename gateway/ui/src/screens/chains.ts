// Chains and the plugins of their steps, as one file.
import '../core';

export { ChainView } from './chain';
export { default as Plugin } from './plugin';
export { PluginTable } from './plugins';
