// Memory that workers may still see, on its way to being free: quiescent-state based reclamation.
#include "dataplane/dataplane.h"

#include <errno.h>
#include <stdlib.h>

// An SA can be held by a packet in a ring. After one grace period no worker puts such a packet into
// a ring any more. A worker empties its rings at the start of a turn and reports quiescence at its
// end: the second grace period may end with turns that began before the last such packet came, the
// third ends with turns that began later. Then none is left.
#define ROUNDS 3

int dataplane_retire(struct dataplane *dp, void *object, void (*free_)(void *object))
{
	struct retired *retired;

	if (object == NULL)
		return 0;
	retired = malloc(sizeof(*retired));
	if (retired == NULL)
		return -ENOMEM; // the object is lost rather than freed under a worker's feet
	*retired = (struct retired){
		.next = dp->retired,
		.object = object,
		.free_ = free_,
		.token = rte_rcu_qsbr_start(dp->qsbr),
		.rounds = ROUNDS,
	};
	dp->retired = retired;
	return 0;
}

uint64_t dataplane_mark(struct dataplane *dp)
{
	return rte_rcu_qsbr_start(dp->qsbr);
}

bool dataplane_passed(struct dataplane *dp, uint64_t mark)
{
	return rte_rcu_qsbr_check(dp->qsbr, mark, false) == 1;
}

// True once the object is free and `retired` gone.
static bool reclaim(struct dataplane *dp, struct retired *retired)
{
	while (rte_rcu_qsbr_check(dp->qsbr, retired->token, false) == 1) {
		if (--retired->rounds == 0) {
			retired->free_(retired->object);
			free(retired);
			return true;
		}
		retired->token = rte_rcu_qsbr_start(dp->qsbr);
	}
	return false;
}

void dataplane_reclaim(struct dataplane *dp)
{
	struct retired **at = &dp->retired;

	while (*at != NULL) {
		struct retired *next = (*at)->next;

		if (reclaim(dp, *at))
			*at = next;
		else
			at = &(*at)->next;
	}
}

static void free_sadb(void *sadb)
{
	sadb_free(sadb);
}

static void free_spd(void *spd)
{
	spd_free(spd);
}

static void free_fwd(void *fwd)
{
	fwd_free(fwd);
}

void dataplane_publish_sadb(struct dataplane *dp, struct sadb *sadb)
{
	dataplane_retire(dp, atomic_exchange(&dp->sadb, sadb), free_sadb);
}

void dataplane_publish_spd(struct dataplane *dp, struct spd *spd)
{
	dataplane_retire(dp, atomic_exchange(&dp->spd, spd), free_spd);
}

void dataplane_publish_fwd(struct dataplane *dp, struct fwd *fwd)
{
	dataplane_retire(dp, atomic_exchange(&dp->fwd, fwd), free_fwd);
}
