using System.Globalization;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;

namespace Cmi.Tests.Api;

/// <summary>
/// The public surface of an assembly as text, as C# would write it without bodies: sorted, a member a line, and nothing that a compiler has added by
/// itself. Two surfaces are the same for those who compile against them if the texts are.
/// </summary>
internal static class PublicApi
{
    private const BindingFlags Declared =
        BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    private static readonly NullabilityInfoContext Nullability = new();

    public static string Describe(Assembly assembly)
    {
        var text = new StringBuilder();
        foreach (var space in assembly.GetExportedTypes().GroupBy(type => type.Namespace!).OrderBy(group => group.Key, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"namespace {space.Key}\n");
            foreach (var type in space.OrderBy(type => type.FullName, StringComparer.Ordinal))
            {
                text.Append(CultureInfo.InvariantCulture, $"\n  {Head(type)}\n");
                foreach (var member in Members(type)) text.Append(CultureInfo.InvariantCulture, $"    {member}\n");
            }
            text.Append('\n');
        }
        return text.ToString().TrimEnd('\n') + "\n";
    }

    private static string Head(Type type)
    {
        if (typeof(Delegate).IsAssignableFrom(type)) return $"{Of(type)}delegate {Signature(type.GetMethod("Invoke")!, NameOf(type, null))}";
        var kind = type switch
        {
            { IsInterface: true } => "interface",
            { IsEnum: true } => "enum",
            { IsValueType: true } => (Has<IsReadOnlyAttribute>(type) ? "readonly " : "")
                + (type.IsByRefLike ? "ref struct" : IsRecord(type) ? "record struct" : "struct"),
            { IsAbstract: true, IsSealed: true } => "static class",
            _ => (type.IsSealed ? "sealed " : type.IsAbstract ? "abstract " : "") + (IsRecord(type) ? "record" : "class"),
        };
        List<Type> bases = type.IsEnum ? [Enum.GetUnderlyingType(type)] : [];
        if (type.BaseType is { } parent && parent != typeof(object) && !type.IsValueType) bases.Add(parent);
        if (!type.IsEnum)
        {
            var all = type.GetInterfaces();
            bases.AddRange(all.Except(all.SelectMany(one => one.GetInterfaces())).Except(type.BaseType?.GetInterfaces() ?? [])
                .Where(one => one.IsPublic && !(IsRecord(type) && one.Name == "IEquatable`1")).OrderBy(one => one.FullName, StringComparer.Ordinal));
        }
        return $"{Of(type)}{kind} {NameOf(type, null)}{(bases.Count > 0 ? " : " + string.Join(", ", bases.Select(one => NameOf(one, null))) : "")}"
            + Constraints(type.GetGenericArguments());
    }

    private static string Of(Type type) => type.IsNestedFamily || type.IsNestedFamORAssem ? "protected " : "";

    private static IEnumerable<string> Members(Type type)
    {
        if (typeof(Delegate).IsAssignableFrom(type)) return [];
        if (type.IsEnum)
            return Enum.GetNames(type).Select(name => $"{name} = {Convert.ToInt64(Enum.Parse(type, name), CultureInfo.InvariantCulture)}");
        return type.GetFields(Declared).Where(IsSeen).Select(Field)
            .Concat(Sorted(type.GetConstructors(Declared).Where(IsSeen).Select(Constructor)))
            .Concat(Sorted(type.GetProperties(Declared).Where(IsSeen).Select(Property)))
            .Concat(Sorted(type.GetEvents(Declared).Where(one => IsVisible(one.AddMethod!)).Select(Event)))
            .Concat(Sorted(type.GetMethods(Declared).Where(IsSeen).Select(Method)));

        static IEnumerable<string> Sorted(IEnumerable<string> members) =>
            members.OrderBy(NameIn, StringComparer.Ordinal).ThenBy(member => member, StringComparer.Ordinal);

        static string NameIn(string member) => member.Split('(', '{')[0].TrimEnd().Split(' ')[^1];
    }

    private static string Field(FieldInfo field) => Access(field.IsFamily || field.IsFamilyOrAssembly)
        + (field.IsLiteral ? "const " : (field.IsStatic ? "static " : "") + (field.IsInitOnly ? "readonly " : ""))
        + $"{NameOf(field.FieldType, Nullability.Create(field))} {field.Name}"
        + (field.IsLiteral ? $" = {Literal(field.GetRawConstantValue(), field.FieldType)}" : "");

    private static string Constructor(ConstructorInfo constructor) =>
        $"{Access(!constructor.IsPublic)}{Bare(constructor.DeclaringType!)}({Parameters(constructor)})";

    private static string Property(PropertyInfo property)
    {
        var getter = property.GetMethod is { } get && IsVisible(get) ? get : null;
        var setter = property.SetMethod is { } set && IsVisible(set) ? set : null;
        var first = (getter ?? setter)!;
        var isInit = setter?.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) == true;
        var narrower = getter is { IsPublic: true } && setter is { IsPublic: false } ? "protected " : "";
        var name = property.GetIndexParameters().Length == 0 ? property.Name : $"this[{Parameters(property.GetIndexParameters())}]";
        return Access(!first.IsPublic) + Modifiers(first) + (Has<RequiredMemberAttribute>(property) ? "required " : "")
            + $"{NameOf(property.PropertyType, Nullability.Create(property))} {name} {{ {(getter is null ? "" : "get; ")}"
            + (setter is null ? "" : $"{narrower}{(isInit ? "init" : "set")}; ") + "}";
    }

    private static string Event(EventInfo one) =>
        $"{Access(!one.AddMethod!.IsPublic)}{Modifiers(one.AddMethod)}event {NameOf(one.EventHandlerType!, Nullability.Create(one))} {one.Name}";

    private static string Method(MethodInfo method) => Access(!method.IsPublic) + Modifiers(method)
        + Signature(method, method.Name + (method.IsGenericMethod ? $"<{string.Join(", ", method.GetGenericArguments().Select(a => a.Name))}>" : ""))
        + Constraints(method.IsGenericMethod ? method.GetGenericArguments() : []);

    private static string Signature(MethodInfo method, string name) =>
        $"{NameOf(method.ReturnType, Nullability.Create(method.ReturnParameter))} {name}({Parameters(method)})";

    private static string Parameters(MethodBase method) => (Has<ExtensionAttribute>(method) ? "this " : "") + Parameters(method.GetParameters());

    private static string Parameters(ParameterInfo[] parameters) => string.Join(", ", parameters.Select(parameter =>
        (Has<ParamArrayAttribute>(parameter) ? "params " : "")
        + (parameter.IsOut ? "out " : parameter.IsIn ? "in " : parameter.ParameterType.IsByRef ? "ref " : "")
        + $"{NameOf(parameter.ParameterType, Nullability.Create(parameter))} {parameter.Name}"
        + (parameter.HasDefaultValue ? $" = {Literal(parameter.RawDefaultValue, parameter.ParameterType)}" : "")));

    private static string Modifiers(MethodInfo method) =>
        method.DeclaringType!.IsInterface && !method.IsStatic ? (method.IsAbstract ? "" : "virtual ")
        : method.IsStatic ? (method.DeclaringType is { IsAbstract: true, IsSealed: true } ? "" : "static ")
        : method.GetBaseDefinition() != method ? (method.IsFinal ? "sealed override " : "override ")
        : method.IsAbstract ? "abstract " : method is { IsVirtual: true, IsFinal: false } ? "virtual " : "";

    private static string Constraints(Type[] arguments) => string.Concat(arguments.Select(argument =>
    {
        var kinds = argument.GenericParameterAttributes;
        var rules = new List<string>();
        if (kinds.HasFlag(GenericParameterAttributes.ReferenceTypeConstraint)) rules.Add("class");
        if (kinds.HasFlag(GenericParameterAttributes.NotNullableValueTypeConstraint)) rules.Add("struct");
        rules.AddRange(argument.GetGenericParameterConstraints().Where(one => one != typeof(ValueType)).Select(one => NameOf(one, null)));
        if ((kinds & (GenericParameterAttributes.DefaultConstructorConstraint | GenericParameterAttributes.NotNullableValueTypeConstraint))
            == GenericParameterAttributes.DefaultConstructorConstraint) rules.Add("new()");
        return rules.Count > 0 ? $" where {argument.Name} : {string.Join(", ", rules)}" : "";
    }));

    /// <summary>The name of a type; with a question mark wherever <see langword="null"/> may be.</summary>
    private static string NameOf(Type type, NullabilityInfo? nullability)
    {
        if (type.IsByRef) return NameOf(type.GetElementType()!, nullability);
        if (Nullable.GetUnderlyingType(type) is { } value) return NameOf(value, null) + "?";
        var mark = type is { IsValueType: false, IsGenericParameter: false }
            && nullability is ({ ReadState: NullabilityState.Nullable } or { WriteState: NullabilityState.Nullable }) ? "?" : "";
        if (type.IsArray) return NameOf(type.GetElementType()!, nullability?.ElementType) + "[]" + mark;
        if (Keyword(type) is { } keyword) return keyword + mark;
        var name = type is { IsNested: true, IsGenericParameter: false } ? $"{NameOf(type.DeclaringType!, null)}.{Bare(type)}" : Bare(type);
        if (type.IsGenericType)
        {
            var arguments = type.GetGenericArguments()
                .Select((argument, i) => NameOf(argument, nullability?.GenericTypeArguments.ElementAtOrDefault(i)));
            name += $"<{string.Join(", ", arguments)}>";
        }
        return name + mark;
    }

    private static string Bare(Type type) => type.Name.Split('`')[0];

    private static string? Keyword(Type type) => type.IsEnum ? null : Type.GetTypeCode(type) switch
    {
        TypeCode.Object => type == typeof(object) ? "object" : type == typeof(void) ? "void" : null,
        TypeCode.Boolean => "bool",
        TypeCode.Byte => "byte",
        TypeCode.SByte => "sbyte",
        TypeCode.Char => "char",
        TypeCode.Int16 => "short",
        TypeCode.UInt16 => "ushort",
        TypeCode.Int32 => "int",
        TypeCode.UInt32 => "uint",
        TypeCode.Int64 => "long",
        TypeCode.UInt64 => "ulong",
        TypeCode.Single => "float",
        TypeCode.Double => "double",
        TypeCode.Decimal => "decimal",
        TypeCode.String => "string",
        _ => null,
    };

    private static string Literal(object? value, Type type) => value switch
    {
        null => type.IsValueType && Nullable.GetUnderlyingType(type) is null ? "default" : "null",
        bool flag => flag ? "true" : "false",
        string text => $"\"{text}\"",
        _ when type.IsEnum => $"{Bare(type)}.{Enum.ToObject(type, value)}",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Access(bool isProtected) => isProtected ? "protected " : "";

    private static bool IsSeen(FieldInfo field) => IsVisible(field, field.IsPublic, field.IsFamily || field.IsFamilyOrAssembly) && !IsMade(field);

    private static bool IsSeen(PropertyInfo property) => property.GetAccessors(nonPublic: true).Any(IsVisible) && !IsMade(property);

    private static bool IsSeen(ConstructorInfo constructor) => IsVisible(constructor) && !IsMade(constructor);

    // Accessors are seen with their property or event.
    private static bool IsSeen(MethodInfo method) =>
        IsVisible(method) && !IsMade(method) && (!method.IsSpecialName || method.Name.StartsWith("op_", StringComparison.Ordinal));

    private static bool IsVisible(MethodBase method) => IsVisible(method, method.IsPublic, method.IsFamily || method.IsFamilyOrAssembly);

    private static bool IsVisible(MemberInfo member, bool isPublic, bool isProtected) => isPublic || (isProtected && !member.DeclaringType!.IsSealed);

    private static bool IsMade(MemberInfo member) => Has<CompilerGeneratedAttribute>(member);

    private static bool IsRecord(Type type) => type.GetMethod("PrintMembers", Declared) is { } print && IsMade(print);

    private static bool Has<T>(MemberInfo member) where T : Attribute => member.IsDefined(typeof(T), inherit: false);

    private static bool Has<T>(ParameterInfo parameter) where T : Attribute => parameter.IsDefined(typeof(T), inherit: false);
}
