/* A shared object that is no module. */
int tripoint_test_nothing(void);
int tripoint_test_nothing(void) {
    return 0;
}
