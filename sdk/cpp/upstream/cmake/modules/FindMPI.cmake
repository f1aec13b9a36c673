# A service is one process, so nothing of MPI is used.
set(MPI_FOUND TRUE)
set(MPI_INCLUDE_PATH "")
set(MPI_LIBRARIES "")
