// The running gateway as the control thread sees it: what the configuration became. Everything here
// belongs to the control thread.
#pragma once

#include "ctl/config.h"
#include "ctl/owners.h"
#include "dataplane/dataplane.h"

#include <time.h>

#define GATEWAY_TUNNELS 65535 // an index fits 16 bits
#define GATEWAY_MONITORS 32   // connections that listen to events

struct audit;
struct capturing;
struct changes;
struct event_base;
struct host_guard_watch;
struct host_if;
struct icmp;
struct journal_service;
struct liveness;
struct metrics;
struct mirror;
struct path_mtu;
struct punt_service;
struct server;
struct service;
struct session;
struct spi_reservations;
struct unresolved;
struct used_keys;
struct watch;

struct gateway {
	struct config *config; // as it is in force: its tunnels and policies change
	struct dataplane *dp;
	struct event_base *events;
	unsigned tunnels;	// places that were ever taken
	struct tunnel **tunnel; // [GATEWAY_TUNNELS] by index; NULL: none
	unsigned tunnel_next;	// place that is tried first
	unsigned sas;
	unsigned sas_room;
	uint64_t sas_made; // ever
	struct sa **sa;	   // [sas], by their serials
	struct changes *changes;
	struct owners owners;
	struct used_keys *used_keys;
	struct spi_reservations *spis;
	bool untold;				   // others of what was put in force last
	unsigned monitors;			   // connections that listen to events
	struct session *monitor[GATEWAY_MONITORS]; // [monitors]
	size_t batch_octets;			   // that connections have gathered
	char instance[33];			   // of this daemon, another one at each start
	struct host_if *host_if[PORTS_MAX];	   // by port; NULL: none
	struct host_guard_watch *guard_watch;	   // NULL: no host guard
	struct journal_service *journal;
	struct mirror *mirror;
	struct icmp *icmp;
	struct path_mtu *path_mtu;
	struct liveness *liveness;
	struct audit *audit;
	struct unresolved *unresolved;
	struct punt_service *punt_service;
	struct server *server;
	struct server *admin;
	struct watch *watch;
	struct service *service;     // NULL: not served, or not any more
	struct metrics *metrics;     // NULL: none
	struct timespec started;     // CLOCK_MONOTONIC
	uint32_t profile;	     // number of the last one (ctl/profile.h)
	struct capturing *capturing; // NULL: nobody captures
	uint64_t captures;	     // so far
	uint64_t captures_ms;	     // limiter_now_ms when those of the last second began
	unsigned captures_lately;    // since then
};

// Builds tunnels, SAs and policies from the configuration and publishes them; opens host
// interfaces, mirror and control socket; starts the workers. Undoes everything on an error. EAL
// must be up.
int gateway_create(struct config *config, const struct proto_table *protos,
	const struct aead_table *engines, struct gateway **created, struct error *err);
// Serves until SIGTERM or SIGINT. 0 or -errno.
int gateway_run(struct gateway *gateway);
// Workers are stopped and joined first, then everything is closed in reverse order.
void gateway_destroy(struct gateway *gateway);
