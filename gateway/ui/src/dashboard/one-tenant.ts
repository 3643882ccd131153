// One tenant and its endpoints, as one file.
import '../core';

export { default as Endpoint } from './endpoint';
export { default as Tenant } from './tenant';
