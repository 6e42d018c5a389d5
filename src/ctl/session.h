// One connection's state: who it is, what it has gathered, what it waits for, whether it listens.
#pragma once

#include "ctl/author.h"
#include "ctl/owners.h"
#include "ctl/request.h"

#include <stdbool.h>
#include <stdint.h>

struct change_ticket;

// Who may only look takes no place while so many listen: key daemons have the others.
#define SESSION_MONITORS_READING 16
// Of one user's connections; root may have more, and the last places are root's.
#define SESSION_MONITORS_USER 8
#define SESSION_MONITORS_ROOT 4
#define SESSION_BATCH_REQUESTS 262144
#define SESSION_BATCH_OCTETS (256 * 1024 * 1024) // of all connections together

struct session {
	struct gateway *gateway;
	const struct request_table *table;
	struct author author;	       // of what it changes
	char instance[OWNER_INSTANCE]; // that said hello here
	bool monitors;
	json_t *batch; // requests since "begin"; NULL: none was
	size_t batch_octets;
	// While an answer is to come: what makes it of the steps' results if all goes well, and
	// whom it takes over.
	struct change_ticket *waiting;
	json_t *id;
	json_t *(*due)(const struct session *session, json_t *results);
	struct owner *taking; // NULL: nobody
	// Runs a request that edits, or keeps it for the batch. 0, -EINPROGRESS or -errno.
	int (*change)(struct session *session, const struct request *request,
		const json_t *arguments, json_t **result, struct error *err);
	// Takes the line; NULL: no memory.
	void (*answer)(struct session *session, char *line, size_t octets);
};

void session_begin(struct session *session, struct gateway *gateway,
	const struct request_table *table, uid_t uid, pid_t pid,
	void (*answer)(struct session *session, char *line, size_t octets));
void session_end(struct session *session);

// Rows of the tables.
int session_hello(
	struct session *session, const json_t *arguments, json_t **result, struct error *err);
int session_batch_begin(
	struct session *session, const json_t *arguments, json_t **result, struct error *err);
int session_batch_commit(
	struct session *session, const json_t *arguments, json_t **result, struct error *err);
int session_batch_abort(
	struct session *session, const json_t *arguments, json_t **result, struct error *err);
int session_monitor(
	struct session *session, const json_t *arguments, json_t **result, struct error *err);
