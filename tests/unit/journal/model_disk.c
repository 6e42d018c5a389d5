// The disk that forgets.
#include "model_disk.h"

void model_disk_open(struct model_disk *disk, size_t octets, uint64_t seed)
{
	assert_int_equal(octets % SECTOR, 0);
	*disk = (struct model_disk){
		.octets = octets,
		.cache = calloc(1, octets),
		.durable = calloc(1, octets),
		.changed = calloc(octets / SECTOR, sizeof(bool)),
		.random = {seed},
	};
	assert_true(disk->cache && disk->durable && disk->changed);
}

void model_disk_close(struct model_disk *disk)
{
	free(disk->cache);
	free(disk->durable);
	free(disk->changed);
}

static void tell_moment(struct model_disk *disk)
{
	if (disk->moment)
		disk->moment(disk->handle);
}

static int read_at(void *handle, uint64_t at, void *octets, size_t n)
{
	const struct model_disk *disk = handle;

	assert_true(at + n <= disk->octets);
	memcpy(octets, disk->cache + at, n);
	return 0;
}

static int write_at(void *handle, uint64_t at, const void *octets, size_t n)
{
	struct model_disk *disk = handle;

	assert_true(at + n <= disk->octets);
	if (disk->fail != 0)
		return disk->fail;
	disk->calls++;
	tell_moment(disk);
	memcpy(disk->cache + at, octets, n);
	for (size_t i = at / SECTOR; i < (at + n + SECTOR - 1) / SECTOR; i++)
		disk->changed[i] = true;
	tell_moment(disk);
	return 0;
}

void model_disk_settle(struct model_disk *disk)
{
	memcpy(disk->durable, disk->cache, disk->octets);
	memset(disk->changed, 0, disk->octets / SECTOR * sizeof(bool));
}

static bool leave_out(struct model_disk *disk)
{
	unsigned number = disk->syncs++;

	switch (disk->missing) {
	case SYNC_FIRST_MISSING:
		return number == 0;
	case SYNC_SECOND_MISSING:
		return number == 1;
	case SYNC_SOME_MISSING:
		return random_below(&disk->random, 3) == 0;
	default:
		return false;
	}
}

static int sync_all(void *handle)
{
	struct model_disk *disk = handle;

	if (disk->fail != 0)
		return disk->fail;
	disk->calls++;
	tell_moment(disk);
	if (!leave_out(disk))
		model_disk_settle(disk);
	tell_moment(disk);
	return 0;
}

struct journal_io model_disk_io(struct model_disk *disk)
{
	return (struct journal_io){
		.handle = disk,
		.octets = disk->octets,
		.read = read_at,
		.write = write_at,
		.sync = sync_all,
	};
}

// New up to somewhere, then old or nothing sensible.
static void tear(struct model_disk *disk, const uint8_t *cached, uint8_t *sector)
{
	size_t cut = random_below(&disk->random, SECTOR + 1);

	memcpy(sector, cached, cut);
	if (random_below(&disk->random, 2) == 0)
		random_fill(&disk->random, sector + cut, SECTOR - cut);
}

void model_disk_lose_power(struct model_disk *disk, struct model_disk *found)
{
	memcpy(found->cache, disk->durable, disk->octets);
	for (size_t i = 0; i < disk->octets / SECTOR; i++) {
		const uint8_t *cached = disk->cache + i * SECTOR;
		uint8_t *sector = found->cache + i * SECTOR;

		if (!disk->changed[i])
			continue;
		switch (random_below(&disk->random, 3)) {
		case 0:
			break;
		case 1:
			memcpy(sector, cached, SECTOR);
			break;
		default:
			tear(disk, cached, sector);
		}
	}
	model_disk_settle(found);
}
