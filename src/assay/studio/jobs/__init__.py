"""The parts of the page of jobs: the queue, a job, what it found, its log, and the workers."""
