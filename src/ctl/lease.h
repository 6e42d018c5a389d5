// One counter and its durable edge: an outbound lane, whose numbers are leased, or an inbound
// window, whose packets are delivered below it. Decisions only; who writes the journal and when is
// leases.c.
#pragma once

#include "ctl/lead.h"
#include "journal/journal.h"
#include "proto/sa.h"

// How control learns that no worker uses a value of before any more.
struct lease_grace {
	void *handle;
	uint64_t (*start)(void *handle);
	bool (*over)(void *handle, uint64_t token);
};

struct lease {
	// One of the two.
	struct sa_out_lane *lane;
	struct replay_window *window;
	struct journal_record *record;
	struct lead lead;
	uint64_t most;	  // no edge is beyond
	uint64_t edge;	  // durable; 0: none yet
	uint64_t planned; // to be durable with the next commit; 0: nothing
	uint64_t far_ns;  // when a number came from far beyond the edge; 0: never
	// The worker has been told a lower edge, and the disk follows when it has heard; 0: no.
	uint64_t lowered;
	uint64_t token;
	uint64_t blocks_before; // of the record, when it was opened
};

// record: edge says where the counter goes on.
void lease_open_out(struct lease *lease, struct sa_out_lane *lane, struct journal_record *record,
	uint64_t most);
void lease_open_in(
	struct lease *lease, struct replay_window *window, struct journal_record *record);

// Puts into the journal what should change. True if something was put.
bool lease_plan(struct lease *lease, struct journal *journal, const struct lease_grace *grace,
	uint64_t now_ns);
// It is durable: the worker may use it. True if the edge is higher than it was.
bool lease_apply(struct lease *lease);
// No more numbers, for this reason.
void lease_stop(struct lease *lease, enum drop_reason reason);
// Puts the edge exactly where the counter is. The workers have ended.
void lease_give_back(struct lease *lease, struct journal *journal);

// Outbound: blocks that this counter's record had, and what came on top.
uint64_t lease_blocks(const struct lease *lease);
