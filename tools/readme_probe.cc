// An empty program linked to the library. tools/check_readme.py takes the commands that build it
// and puts a block of README.md in its place.
int main() { return 0; }
