// Under coverage and sanitizers a worker leaves by exit, not by signal, so that the addon's counters are written.
if (process.listenerCount('SIGTERM') === 0) process.on('SIGTERM', () => process.exit(0))
