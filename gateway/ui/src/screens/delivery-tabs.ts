// What is seen of a delivery when it is asked for, as one file.
import '../core';

export { ListenDialog } from './delivery-listen';
export { ChainTab, History } from './delivery-more';
export { RequestTab } from './delivery-request';
