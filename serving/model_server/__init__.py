"""The embedded model server: TensorFlow Serving's gRPC and REST protocols.

Its parts:

    server                            starts and stops everything
    event_loop                        the thread that both protocols answer on
    grpc_server, grpc_services        the gRPC protocol
    grpc_messages                     its messages: received a few at a time, read strictly
    rest_server, rest, rest_json      the REST protocol, health and metrics over HTTP
    answers, model_information        what both protocols answer
    tensors, byte_budget              checks and limits of what is sent
    batcher                           joins requests into batches
    store, version                    the versions on disk and in memory
    model_configuration               which models and labels are served
    trusted_versions, authorisation   which versions may be loaded; the token of clients
    metrics                           counters
"""
