/// The JSON Schema of documents, for editors.
package enum FlowSchema {
    /// The schema's text.
    package static var text: String { String(decoding: PackageResources.flow_schema_json, as: UTF8.self) }
}
