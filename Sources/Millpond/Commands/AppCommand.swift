import ArgumentParser

/// The root command of an application.
struct AppCommand<App: MillpondApp>: AsyncParsableCommand {
    static var configuration: CommandConfiguration {
        CommandConfiguration(
            commandName: Program.name,
            abstract: App.about,
            version: App.version,
            subcommands: [AppWorker<App>.self, AppSupervise<App>.self, AppEnqueue<App>.self] + App.commands
        )
    }
}
