// What ThreadSanitizer cannot know: moodycamel::ConcurrentQueue orders its memory by fences, which it does not model. What is handed
// through a blocking queue is still seen as synchronised, by its semaphore.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() { return "race:moodycamel::\n"; }
