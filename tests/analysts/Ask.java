import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.TreeSet;

/** Asks over JDBC, as DBeaver and Metabase do: java -cp DRIVER Ask.java URL PASSWORD STATEMENT ... */
class Ask {
    public static void main(String[] words) throws SQLException {
        try (var connection = DriverManager.getConnection(words[0], "analyst", words[1])) {
            for (int i = 2; i < words.length; i++) {
                try (var statement = connection.createStatement(); var rows = statement.executeQuery(words[i])) {
                    int count = 0;
                    String last = "";
                    for (; rows.next(); count++) {
                        last = rows.getString(1);
                    }
                    System.out.println(count + "\t" + last);
                } catch (SQLException error) {
                    System.out.println(error.getMessage().lines().findFirst().orElse(""));
                }
            }
            var names = new TreeSet<String>();
            try (var tables = connection.getMetaData().getTables(null, "journey", "%", null)) {
                while (tables.next()) {
                    names.add(tables.getString("TABLE_NAME"));
                }
            }
            System.out.println(String.join(" ", names));
        }
    }
}
