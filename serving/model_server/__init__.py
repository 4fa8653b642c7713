"""The embedded model server: TensorFlow Serving's gRPC and REST protocols.

Its parts:

    server                        starts and stops everything
    grpc_server, grpc_services    the gRPC protocol
    rest, rest_json               the REST protocol, health and metrics over HTTP
    answers, model_information    what both protocols answer
    batcher                       joins requests into batches
    store, version                the versions on disk and in memory
    metrics, authorisation        counters; the token of clients
"""
