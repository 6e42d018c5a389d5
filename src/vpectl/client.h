// The connection to the daemon: requests and their answers, events in between.
#pragma once

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

struct client {
	const char *path;
	int fd;
	char *text; // received, and not yet looked at
	size_t used;
	size_t room;
};

// Each 0 or -errno with err filled.
int client_open(struct client *client, const char *path, struct error *err);
void client_close(struct client *client);
// Without waiting for an answer. arguments may be NULL and stays the caller's.
int client_send(struct client *client, const char *request, json_t *arguments, struct error *err);
// The next line: an answer, or an event. *message is a new reference. patient: however long it
// takes.
int client_receive(struct client *client, bool patient, json_t **message, struct error *err);
// What an answer says: 0 with *result set (a new reference), or -EREMOTEIO with the daemon's error.
int client_judge(const json_t *answer, json_t **result, struct error *err);

// Sends one request and reads its answer: 0 with *result set (a new reference), -EREMOTEIO with the
// daemon's error in err, or another -errno where there is no daemon or it does not speak our
// language.
int client_request(const char *path, const char *request, json_t *arguments, json_t **result,
	struct error *err);
