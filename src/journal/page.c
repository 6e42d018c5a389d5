// Pages to octets and back: 64 octets of header, then 64 for each record, all little-endian.
#include "journal/page.h"

#include "base/bytes.h"

#include <openssl/evp.h>

#define SLOT 64
#define CHECKSUM_OCTETS 8

static const char magic[8] = "vpedjrn1";

// Of the header.
#define AT_PAGES 8
#define AT_PAGE 12
#define AT_GENERATION 16
#define AT_WRITTEN 24
#define AT_MACHINE 32
#define AT_CHECKSUM (SLOT - CHECKSUM_OCTETS)

// Of a record.
#define AT_KIND 16
#define AT_ID_WORD 20
#define AT_EDGE 24
#define AT_BOUND 32
#define AT_BLOCKS 40

// The beginning of SHA-256 over everything else.
static bool checksum(const uint8_t *octets, uint8_t sum[CHECKSUM_OCTETS])
{
	static const uint8_t none[CHECKSUM_OCTETS];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t digest[EVP_MAX_MD_SIZE];
	bool done = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
		EVP_DigestUpdate(ctx, octets, AT_CHECKSUM) &&
		EVP_DigestUpdate(ctx, none, sizeof(none)) &&
		EVP_DigestUpdate(ctx, octets + SLOT, JOURNAL_PAGE_OCTETS - SLOT) &&
		EVP_DigestFinal_ex(ctx, digest, NULL);

	EVP_MD_CTX_free(ctx);
	if (done)
		memcpy(sum, digest, CHECKSUM_OCTETS);
	return done;
}

static void write_record(uint8_t *at, const struct journal_record *record)
{
	memcpy(at, record->name.fingerprint, JOURNAL_FINGERPRINT_OCTETS);
	store_le32(at + AT_KIND, record->name.kind);
	store_le32(at + AT_ID_WORD, record->name.id_word);
	store_le64(at + AT_EDGE, record->edge);
	store_le64(at + AT_BOUND, record->bound);
	store_le64(at + AT_BLOCKS, record->blocks);
}

static void read_record(const uint8_t *at, struct journal_record *record)
{
	memcpy(record->name.fingerprint, at, JOURNAL_FINGERPRINT_OCTETS);
	record->name.kind = (enum journal_kind)load_le32(at + AT_KIND);
	record->name.id_word = load_le32(at + AT_ID_WORD);
	record->edge = load_le64(at + AT_EDGE);
	record->bound = load_le64(at + AT_BOUND);
	record->blocks = load_le64(at + AT_BLOCKS);
}

void journal_page_write(uint8_t octets[JOURNAL_PAGE_OCTETS],
	const struct journal_page_header *header,
	const struct journal_record record[JOURNAL_PAGE_RECORDS])
{
	memset(octets, 0, JOURNAL_PAGE_OCTETS);
	memcpy(octets, magic, sizeof(magic));
	store_le32(octets + AT_PAGES, header->pages);
	store_le32(octets + AT_PAGE, header->page);
	store_le64(octets + AT_GENERATION, header->generation);
	store_le64(octets + AT_WRITTEN, header->written_s);
	memcpy(octets + AT_MACHINE, header->machine, JOURNAL_MACHINE_OCTETS);
	for (unsigned i = 0; i < JOURNAL_PAGE_RECORDS; i++)
		write_record(octets + (i + 1) * SLOT, &record[i]);
	// A page without one is a damaged page: nothing is lost, but nobody goes on either.
	checksum(octets, octets + AT_CHECKSUM);
}

bool journal_page_read(const uint8_t octets[JOURNAL_PAGE_OCTETS],
	struct journal_page_header *header, struct journal_record record[JOURNAL_PAGE_RECORDS])
{
	uint8_t sum[CHECKSUM_OCTETS];

	if (memcmp(octets, magic, sizeof(magic)) != 0 || !checksum(octets, sum) ||
		memcmp(octets + AT_CHECKSUM, sum, sizeof(sum)) != 0)
		return false;
	header->pages = load_le32(octets + AT_PAGES);
	header->page = load_le32(octets + AT_PAGE);
	header->generation = load_le64(octets + AT_GENERATION);
	header->written_s = load_le64(octets + AT_WRITTEN);
	memcpy(header->machine, octets + AT_MACHINE, JOURNAL_MACHINE_OCTETS);
	for (unsigned i = 0; i < JOURNAL_PAGE_RECORDS; i++)
		read_record(octets + (i + 1) * SLOT, &record[i]);
	return true;
}
