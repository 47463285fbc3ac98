/* Puts and gets through the C interface. Argument: a directory that is absent. */
#include <stdio.h>
#include <string.h>
#include <talea/talea.h>

int main(int argc, char** argv) {
  talea_engine* engine = NULL;
  talea_error* error = NULL;
  int found = 0;
  char value[5];
  size_t bytes = 0;
  if (argc != 2) return 2;
  if (talea_open(argv[1], NULL, &engine, &error) != TALEA_OK) {
    fprintf(stderr, "%s\n", talea_error_message(error));
    talea_error_free(error);
    return 1;
  }
  if (talea_put(engine, "alpha", 5, "bravo", 5, NULL, NULL) != TALEA_OK) return 1;
  if (talea_get_into(engine, "alpha", 5, value, 5, &found, &bytes, NULL) != TALEA_OK) return 1;
  if (!found || bytes != 5 || memcmp(value, "bravo", 5) != 0) return 1;
  if (talea_close(engine, NULL) != TALEA_OK) return 1;
  talea_engine_free(engine);
  return 0;
}
