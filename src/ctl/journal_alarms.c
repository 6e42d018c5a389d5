// Words for each alarm of the leases, and its event.
#include "ctl/journal_alarms.h"

#include "base/log.h"
#include "ctl/gateway.h"
#include "ctl/notify.h"

#include <inttypes.h>
#include <string.h>

// The SA that stands now where that one was added: of those that have moved since, tunnel and SPI
// may be gone. Where none was in force yet, it is the last one, which is about to be. NULL: it is
// being removed.
static const struct sa *standing(const struct gateway *gateway, const struct sa *added)
{
	const struct sa *last = NULL;

	for (unsigned i = gateway->sas; i-- > 0;) {
		const struct sa *sa = gateway->sa[i];

		if (sa->body != added)
			continue;
		if (sa->published)
			return sa;
		if (!last)
			last = sa;
	}
	return added->published ? NULL : last;
}

static void tell_sa(const struct gateway *gateway, const struct leases_alarm *alarm,
	const char *kind, const char *reason)
{
	const struct sa *sa = standing(gateway, alarm->sa);

	if (sa)
		notify_sa(gateway, kind, sa, reason);
}

static void on_failed(const struct gateway *gateway, const char *reason)
{
	log_error("the journal cannot be written: %s; its SAs send until their leases end, and "
		  "receive until their edges, then stop; mend the disk and start vped again",
		reason);
	notify(gateway, json_pack("{s:s, s:s}", "kind", "journal-failed", "reason", reason));
}

static void on_full(const struct gateway *gateway, const struct leases_usage *usage,
	const struct leases_alarm *alarm)
{
	log_error("the journal is full (%u records): SA %s has windows that receive nothing; give "
		  "it more room while vped does not run (vpectl key-register --records)",
		usage->records, alarm->sa->name);
	tell_sa(gateway, alarm, "journal-full", "records");
}

static void on_filling(const struct gateway *gateway, const struct leases_usage *usage)
{
	log_warning("of the %u records of the journal %u are used and %u kept for windows to "
		    "come: SAs that find no room are refused; give it more while vped does not run "
		    "(vpectl key-register --records)",
		usage->records, usage->used, usage->kept);
	notify(gateway,
		json_pack("{s:s, s:I, s:I, s:I}", "kind", "journal-filling", "records",
			(json_int_t)usage->records, "used", (json_int_t)usage->used, "kept",
			(json_int_t)usage->kept));
}

static void on_soft(const struct gateway *gateway, const struct leases_alarm *alarm)
{
	log_warning("SA %s: its key has encrypted %" PRIu64 " blocks and stops at %" PRIu64
		    "; exchange it",
		alarm->sa->name, alarm->blocks, alarm->most_blocks);
	tell_sa(gateway, alarm, "soft-expire", "blocks");
}

static void on_spent(const struct gateway *gateway, const struct leases_alarm *alarm)
{
	log_error("SA %s: its key has encrypted %" PRIu64
		  " blocks and may not do more: the SA stops; exchange the key",
		alarm->sa->name, alarm->blocks);
	tell_sa(gateway, alarm, "key-spent", "blocks");
}

void journal_alarm(const struct gateway *gateway, const struct leases *leases,
	const struct leases_alarm *alarm)
{
	struct leases_usage usage = leases_usage(leases);

	switch (alarm->kind) {
	case LEASES_JOURNAL_FAILED:
		on_failed(gateway, strerror(-alarm->error));
		break;
	case LEASES_JOURNAL_FULL:
		on_full(gateway, &usage, alarm);
		break;
	case LEASES_JOURNAL_FILLING:
		on_filling(gateway, &usage);
		break;
	case LEASES_KEY_SOFT:
		on_soft(gateway, alarm);
		break;
	case LEASES_KEY_SPENT:
		on_spent(gateway, alarm);
	}
}
