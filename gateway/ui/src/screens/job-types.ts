// Bulk actions and their jobs, as the API has them.

export type BulkAction = 'retry' | 'cancel' | 'recover' | 'disable';
/** Filter of a bulk action: that of a list of deliveries. */
export type BulkFilter = {
  tenant?: string;
  since?: string;
  until?: string;
  types?: string[];
  subscription?: string;
  status?: string;
  status_class?: string;
  attempt?: string;
  replayed?: boolean;
};
export type Job = {
  id: string;
  tenant?: string;
  action: BulkAction;
  filter: BulkFilter;
  state: 'running' | 'paused' | 'done' | 'cancelled' | 'failed';
  created: string;
  updated: string;
  finished?: string | null;
  looked_at: number;
  matched: number;
  changed: number;
  skipped: number;
  error?: { code: string; detail: string } | null;
};
