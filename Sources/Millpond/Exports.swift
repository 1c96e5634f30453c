// What an application needs, so that its files say `import Millpond` and nothing else.

@_exported public import Logging
@_exported public import PondCore
@_exported public import PondQueue
@_exported public import PondRedis
@_exported public import PondSaga
@_exported public import PondWorker
@_exported public import protocol ServiceLifecycle.Service
