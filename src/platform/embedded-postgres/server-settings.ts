/**
 * PostgreSQL's settings for a small service that shares two cores with it. Not among them: `fsync` and
 * `synchronous_commit`, which stay on, because a 202 is only sent for what survives a crash; and whatever a statement
 * relies on, which each connection sets for itself, as on any PostgreSQL.
 */
export const defaultSettings: Record<string, string> = {
  // Reachable from this machine only, and by one door only.
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  max_connections: '100',
  // Holds the outbox, the open deliveries and their indexes, so that reads of the hot path meet no disk.
  shared_buffers: '256MB',
  // Fewer checkpoints, so fewer whole pages in the log; what pages there are, are compressed.
  max_wal_size: '2GB',
  checkpoint_timeout: '15min',
  wal_compression: 'on',
  // The outbox and the deliveries turn over all the time: clean up little and often, and fast enough to keep up.
  autovacuum_naptime: '15s',
  autovacuum_vacuum_scale_factor: '0.05',
  autovacuum_analyze_scale_factor: '0.05',
  autovacuum_vacuum_cost_limit: '2000',
  // Data is on an SSD nowadays; the default means spinning disks.
  random_page_cost: '1.1',
  // Else the log, which is not rotated while the server runs, fills with routine.
  log_checkpoints: 'off',
}
