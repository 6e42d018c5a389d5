// What a configuration says of workers.
#pragma once

#define WORKERS_MAX 64

enum worker_role { WORKER_ENCRYPT, WORKER_DECRYPT, WORKER_BOTH };
enum worker_idle { WORKER_POLL, WORKER_BACKOFF };

struct worker_params {
	unsigned lcore;
	enum worker_role role;
};
