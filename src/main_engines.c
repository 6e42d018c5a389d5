// The gateway's engines: all that there are.
#include "main_engines.h"

#include "crypto/engines.h"

const struct aead_table *const main_engines = &engines_all;

int main_engines_test(struct error *err)
{
	for (unsigned i = 0; i < main_engines->n; i++) {
		const struct aead_engine *engine = main_engines->engine[i];
		int rc;

		if (!engine->probe())
			continue;
		rc = aead_self_test(engine, aead_known_answers, aead_known_answers_count, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}
