// A look every millisecond whether the leases need one.
#include "ctl/journal_service.h"

#include "base/log.h"
#include "ctl/journal_alarms.h"
#include "ctl/leases.h"
#include "ctl/used_keys.h"
#include "journal/journal_file.h"
#include "journal/journal_key.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NS_PER_SECOND UINT64_C(1000000000)
#define TICK_US 1000
// Rates are looked at so often, and leases renewed that are half used.
#define PASS_NS (50 * UINT64_C(1000000))

struct journal_service {
	struct gateway *gateway;
	struct journal_file *file;
	struct leases *leases;
	struct event *timer;
	uint64_t passed_ns;
	uint64_t parked;	    // packets that waited, when last looked
	struct used_keys *recorded; // as the file had them; NULL: nobody has looked
	struct stat looked_into;    // that file, when it was
	bool unread_told;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static uint64_t grace_start(void *dp)
{
	return rte_rcu_qsbr_start(((struct dataplane *)dp)->qsbr);
}

static bool grace_over(void *dp, uint64_t token)
{
	return rte_rcu_qsbr_check(((struct dataplane *)dp)->qsbr, token, false) == 1;
}

static uint64_t count_parked(const struct dataplane *dp)
{
	uint64_t parked = 0;

	for (unsigned i = 0; i < dp->workers; i++)
		parked += counter_read(&dp->worker[i]->stats.parked);
	return parked;
}

static void pass(struct journal_service *service, uint64_t now_ns)
{
	struct dataplane *dp = service->gateway->dp;

	service->passed_ns = now_ns;
	if (leases_poll(service->leases, now_ns, clock_ns(CLOCK_REALTIME) / NS_PER_SECOND))
		atomic_fetch_add_explicit(&dp->edges_epoch, 1, memory_order_release);
}

void journal_service_poll(struct journal_service *service)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	uint64_t parked;

	if (!service->leases)
		return;
	parked = count_parked(service->gateway->dp);
	if (parked == service->parked && !leases_are_pending(service->leases) &&
		now_ns - service->passed_ns < PASS_NS)
		return;
	service->parked = parked;
	pass(service, now_ns);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	journal_service_poll(arg);
}

void journal_service_grant(struct journal_service *service)
{
	if (service->leases)
		pass(service, clock_ns(CLOCK_MONOTONIC));
}

// records: of one that is made where there is none; 0: none is made.
static int open_file(
	struct journal_service *service, unsigned records, bool *made, struct error *err)
{
	const struct config *config = service->gateway->config;
	const struct journal_file_options options = {
		.unsafe = config->journal.unsafe, .records = records};
	const struct journal *journal;
	int rc = journal_file_open(config->journal.file, &options, &service->file, made, err);

	if (rc != 0)
		return rc;
	journal = journal_file_journal(service->file);
	if (journal_damaged(journal) > 0)
		log_warning("journal %s: one of two copies of %u pages was damaged: their keys go "
			    "on behind what the other copy had leased; look at the disk",
			config->journal.file, journal_damaged(journal));
	if (config->journal.unsafe)
		log_warning("journal %s: on any file system (journal.unsafe): if that forgets what "
			    "was synced, numbers repeat",
			config->journal.file);
	return 0;
}

static void on_alarm(void *gateway, const struct leases *leases, const struct leases_alarm *alarm)
{
	journal_alarm(gateway, leases, alarm);
}

static int make_leases(struct journal_service *service, struct error *err)
{
	struct dataplane *dp = service->gateway->dp;
	const struct leases_params params = {
		.journal = journal_file_journal(service->file),
		.workers = &dp->sa_workers,
		.grace = {.handle = dp, .start = grace_start, .over = grace_over},
		.soft_blocks = LEASES_SOFT_BLOCKS,
		.hard_blocks = LEASES_HARD_BLOCKS,
		.tell = on_alarm,
		.told = service->gateway,
	};

	return leases_create(&params, &service->leases, err);
}

static int start_timer(struct journal_service *service, struct error *err)
{
	static const struct timeval tick = {.tv_usec = TICK_US};

	service->timer = event_new(service->gateway->events, -1, EV_PERSIST, on_tick, service);
	if (!service->timer || event_add(service->timer, &tick) != 0)
		return error_set(err, ENOMEM, "no timer for the journal");
	return 0;
}

static void close_all(struct journal_service *service)
{
	if (service->timer)
		event_free(service->timer);
	service->timer = NULL;
	leases_destroy(service->leases);
	service->leases = NULL;
	journal_file_close(service->file);
	service->file = NULL;
}

static void forget_recorded(struct journal_service *service)
{
	used_keys_destroy(service->recorded);
	service->recorded = NULL;
}

// For the first key that may be in it: who has none needs no journal. From then on it is asked
// itself.
static int open_all(
	struct journal_service *service, unsigned records, bool *made, struct error *err)
{
	int rc = open_file(service, records, made, err);

	if (rc == 0)
		rc = make_leases(service, err);
	if (rc == 0)
		rc = start_timer(service, err);
	if (rc == 0)
		forget_recorded(service);
	else
		close_all(service);
	return rc;
}

static int need_open(struct journal_service *service, struct error *err)
{
	return service->leases ? 0 : open_all(service, 0, NULL, err);
}

int journal_service_create(
	struct gateway *gateway, struct journal_service **created, struct error *err)
{
	struct journal_service *service = calloc(1, sizeof(*service));

	if (!service)
		return error_set(err, ENOMEM, "no memory for the journal");
	service->gateway = gateway;
	*created = service;
	return 0;
}

void journal_service_destroy(struct journal_service *service)
{
	if (!service)
		return;
	if (service->leases)
		leases_give_back(service->leases, clock_ns(CLOCK_REALTIME) / NS_PER_SECOND);
	close_all(service);
	forget_recorded(service);
	free(service);
}

static void on_end(void *leases, const struct sa *sa)
{
	(void)sa;
	leases_remove(leases);
}

bool journal_service_usage(const struct journal_service *service, struct leases_usage *usage)
{
	if (!service || !service->leases)
		return false;
	*usage = leases_usage(service->leases);
	return true;
}

int journal_service_register(struct journal_service *service, struct journal_registration *keys,
	unsigned n, bool *made, struct leases_usage *usage, struct error *err)
{
	int rc = 0;

	*made = false;
	if (!service->leases)
		rc = open_all(service, JOURNAL_RECORDS_DEFAULT, made, err);
	if (rc == 0)
		rc = leases_register(
			service->leases, keys, n, clock_ns(CLOCK_REALTIME) / NS_PER_SECOND, err);
	if (rc == 0)
		*usage = leases_usage(service->leases);
	return rc;
}

int journal_service_key_has_ended(struct journal_service *service,
	const uint8_t fingerprint[FINGERPRINT_OCTETS], bool *ended, struct error *err)
{
	int rc = need_open(service, err);

	if (rc == 0)
		*ended = journal_key_has_ended(journal_file_journal(service->file), fingerprint);
	return rc;
}

void journal_service_end_key(
	struct journal_service *service, const uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	if (!service->leases)
		return;
	leases_end_key(service->leases, fingerprint);
	service->passed_ns = 0;
}

int journal_service_may_add(struct journal_service *service, const struct sa *sa,
	const uint8_t fingerprint[FINGERPRINT_OCTETS], unsigned *records, struct error *err)
{
	int rc = need_open(service, err);

	return rc == 0 ? leases_may_add(service->leases, sa, fingerprint, records, err) : rc;
}

int journal_service_add(struct journal_service *service, struct sa *sa,
	const uint8_t fingerprint[FINGERPRINT_OCTETS], struct error *err)
{
	struct leases_group *leases;
	int rc = need_open(service, err);

	if (rc == 0)
		rc = leases_add(
			service->leases, sa, fingerprint, clock_ns(CLOCK_REALTIME), &leases, err);
	if (rc != 0)
		return rc;
	sa->ends = on_end;
	sa->listener = leases;
	return 0;
}

static int note_recorded(struct used_keys *keys, const struct journal *journal)
{
	int ret = 0;

	for (unsigned i = 0; i < journal_used(journal) && ret == 0; i++)
		ret = used_keys_add(keys, journal_at(journal, i)->name.fingerprint);
	return ret;
}

// Whoever has it may be done with it soon: vpectl key-register, for instance.
static bool may_be_read_later(int ret)
{
	return ret == -EBUSY;
}

// Who has none but fresh keys does not keep the journal from others.
static void look_into_file(struct journal_service *service)
{
	static const struct journal_file_options options = {.unsafe = true};
	const char *path = service->gateway->config->journal.file;
	struct journal_file *file;
	struct error err;
	int ret;

	service->recorded = used_keys_create(USED_KEYS_MAX);
	if (!service->recorded)
		return;
	ret = journal_file_open(path, &options, &file, NULL, &err);
	if (ret == 0) {
		if (note_recorded(service->recorded, journal_file_journal(file)) < 0)
			ret = error_set(&err, ENOMEM, "no memory");
		journal_file_close(file);
	}
	if (may_be_read_later(ret))
		forget_recorded(service);
	if (ret < 0 && !service->unread_told)
		log_warning("whether keys that are said to be fresh were used before cannot be "
			    "looked up: %s",
			err.text);
	service->unread_told = ret < 0;
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino &&
		a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

// While nobody here has it, others may make it or put keys into it.
static void look_again(struct journal_service *service)
{
	struct stat now = {.st_ino = 0};

	if (stat(service->gateway->config->journal.file, &now) < 0 && errno == ENOENT) {
		forget_recorded(service);
		return;
	}
	if (service->recorded && is_same_file(&now, &service->looked_into))
		return;
	forget_recorded(service);
	look_into_file(service);
	service->looked_into = now;
}

bool journal_service_has(
	struct journal_service *service, const uint8_t fingerprint[FINGERPRINT_OCTETS])
{
	if (service->leases)
		return journal_key_is_registered(journal_file_journal(service->file), fingerprint);
	look_again(service);
	return service->recorded && used_keys_has(service->recorded, fingerprint);
}
