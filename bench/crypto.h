// vpebench crypto: every engine, algorithm, direction, size and burst, in cycles per message.
#pragma once

int crypto_main(int argc, char **argv);
